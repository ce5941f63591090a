# Failures of daemons, and loss of data.
# shellcheck shell=bash

kill_gatun() { stop gatun KILL || true; }

is_killed_between_pulls_while_a_container_runs() {
  start_node ext4
  pull latest
  start_ticking
  kill_gatun
  assert_still_ticking "while Gatun is down"
  refute pull sibling 2>/dev/null
  restart_gatun
  await_plugin
  assert_still_ticking "after Gatun is back"
  pull sibling
  assert_equal "a container on the second image" lower "$(run_container other sibling cat /srv/modified)"
  stop_container ticking
  remove_container ticking
  remove_images
  assert_equal "snapshots that remain" "" "$(gatun_snapshots)"
  await 20 "the directories to go" has_no_directories
}

outlives_a_restart_of_containerd() {
  start_node ext4
  pull latest
  start_ticking
  stop containerd
  assert_still_ticking_without_containerd
  start_containerd "$node/containerd"
  is_container_running ticking || fail "the container is not running any more"
  assert_still_ticking "after containerd is back"
  pull sibling
  assert_equal "a container" lower "$(run_container other sibling cat /srv/modified)"
  stop_container ticking
  run_ctr tasks start --detach ticking
  assert_still_ticking "after it was started again"
}

has_everything_after_a_start_of_the_machine() {
  start_node ext4
  pull latest
  write_manifest gatun latest /tmp/before
  start_ticking
  local mounting ticks_before
  mounting=$(run_ctr snapshots --snapshotter gatun mounts /tmp/early ticking)
  ticks_before=$(ticks)
  stop_machine
  # A client that mounts before the layers are mounted.
  [[ $layers == directory ]] || refute mount_early "$mounting" 2>/dev/null
  start_machine
  write_manifest gatun latest /tmp/after
  assert_same_files "the image" /tmp/before /tmp/after
  run_ctr tasks start --detach ticking
  await 10 "the container to go on" has_ticks $((ticks_before + 1))
  assert_still_ticking "after it was started again"
  assert_equal "a new container" upper "$(run_container after latest cat /srv/modified)"
  pull sibling
  stop_container ticking
  remove_container ticking
  remove_images
  assert_equal "snapshots that remain" "" "$(gatun_snapshots)"
  await 20 "the directories to go" has_no_directories
}

# mount_early COMMAND: runs an earlier output of `ctr snapshots mounts`.
mount_early() {
  mkdir -p /tmp/early
  # shellcheck disable=SC2086
  LIBMOUNT_FORCE_MOUNT2=always $1
}

# stop_machine: leaves only what a reset would: the synced disk, without processes or mounts.
stop_machine() {
  local shim mounted
  sync -f "$node"
  shim=$(awk '$1 == "PPid:" { print $2 }' "/proc/$ticking_process/status")
  stop containerd KILL || true
  stop gatun KILL || true
  kill -KILL "$shim" "$ticking_process"
  await 10 "the container to end" has_ended "$ticking_process"
  while read -r mounted; do umount "$mounted"; done < <(
    awk -v node="$node/" '{ path = $2 "/" } index(path, node "gatun/") == 1 || index(path, "/run/containerd/") == 1 { print $2 }' \
      /proc/self/mounts | tac
  )
  rm -rf /run/containerd /run/gatun
}

has_ended() { ! kill -0 "$1" 2>/dev/null; }

# start_machine: shows another boot id to programs that ask the kernel.
start_machine() {
  cat /proc/sys/kernel/random/uuid >/tmp/boot_id
  mount --bind /tmp/boot_id /proc/sys/kernel/random/boot_id
  restart_gatun
  start_containerd "$node/containerd"
}

# Starts a container that writes into its own layer all the time.
start_ticking() {
  start_container ticking latest sh -c 'while :; do date +%s%N >>/srv/ticks && sleep 0.05; done'
  ticking_process=$(run_ctr tasks ls | awk '$1 == "ticking" { print $2 }')
  await 10 "the first tick" has_ticks 1
}

ticks() { exec_in ticking wc -l /srv/ticks | awk '{ print $1 }'; }

has_ticks() { (($(ticks) >= $1)); }

assert_still_ticking() {
  local before
  before=$(ticks)
  await 10 "another tick $1" has_ticks $((before + 2))
}

# Reads the file through the process, since containerd is not running.
assert_still_ticking_without_containerd() {
  local file=/proc/$ticking_process/root/srv/ticks before
  before=$(wc -l <"$file")
  sleep 1
  (($(wc -l <"$file") > before)) || fail "the container stopped while containerd was down"
}

# write_manifest SNAPSHOTTER TAG FILE: lists the files of the mounted image.
write_manifest() {
  local snapshotter=$1 tag=$2 file=$3 options=() digest
  for digest in $(layers "$tag"); do options+=(--layer "$(blob "$digest")"); done
  view "$snapshotter" "$(chain_ids "$tag" | tail -n 1)" "/tmp/view"
  "$testbed" manifest "${options[@]}" /tmp/view >"$file"
  unview "$snapshotter" /tmp/view
}
