#!/usr/bin/env bats
# Containers with special options.
load helpers
load options

@test "gives a user namespace its files" {
  gives_a_user_namespace_its_files
}

@test "starts a volatile container again" {
  # Gatun has to handle the marker with which the kernel refuses a second volatile mount; its peer does not.
  [[ $backend == gatun ]] || skip "containerd's overlay snapshotter cannot do this"
  printf 'volatile = true\nwarm_up = false\n' >/tmp/gatun.toml
  start_node ext4 --config /tmp/gatun.toml --driver overlay
  pull latest
  start_container again latest sleep infinity
  assert_contains "the mount of the container" volatile "$(root_mount_of again)"
  exec_in again sh -c 'echo first >/srv/kept-over'
  local round
  for round in 1 2 3; do
    stop_container again
    run_ctr tasks start --detach again
    assert_contains "the mount in round $round" volatile "$(root_mount_of again)"
    assert_equal "what the container wrote" first "$(exec_in again cat /srv/kept-over)"
    [[ $round != 2 ]] || { stop gatun && restart_gatun && await_plugin; }
  done
  stop_container again
  remove_container again
  collect_garbage
  await 20 "the directory of the container to go" has_directory_per_snapshot
}

# root_mount_of NAME: prints the options of a running container's root. Kernels show "volatile" or "fsync=volatile".
root_mount_of() {
  local process
  process=$(run_ctr tasks ls | awk -v name="$1" '$1 == name { print $2 }')
  awk '$2 == "/" { print $4 }' "/proc/$process/mounts"
}
