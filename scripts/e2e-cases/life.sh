# The life of an image and of a container on it.
# shellcheck shell=bash

it_appears_as_a_working_plugin() {
  start_node ext4
  local line
  line=$(run_ctr plugins ls | awk '$2 == "gatun" { print $1, $4 }')
  assert_equal "the plugin" "io.containerd.snapshotter.v1 ok" "$line"
}

it_carries_an_image_from_pull_to_garbage_collection_on_overlay() { live_through_everything overlay; }

it_carries_an_image_from_pull_to_garbage_collection_on_native() { live_through_everything native; }

live_through_everything() {
  start_node ext4 --driver "$1"
  pull latest
  assert_equal "snapshots after the pull" "$(chain_ids latest | wc -l)" "$(count_gatun_snapshots)"

  # Run.
  assert_equal "the file that the third layer wrote" gatun "$(run_container first latest cat /etc/hostname)"

  # Exec, and change something.
  start_container second latest sleep infinity
  exec_in second sh -c 'echo changed >/srv/modified && rm /srv/kept/file && mkdir /srv/made && id -u >/srv/made/user'
  assert_equal "what the container wrote" changed "$(exec_in second cat /srv/modified)"
  stop_container second

  # Commit, and use what has been committed as a container's base.
  run_ctr snapshots --snapshotter gatun commit changed second
  remove_container second
  view gatun changed /tmp/changed
  assert_equal "a changed file" changed "$(cat /tmp/changed/srv/modified)"
  assert_equal "a new file" 0 "$(cat /tmp/changed/srv/made/user)"
  refute test -e /tmp/changed/srv/kept/file
  unview gatun /tmp/changed

  # Remove, and collect.
  run_ctr snapshots --snapshotter gatun rm changed
  remove_images
  assert_equal "snapshots that containerd knows" 0 "$(run_ctr snapshots --snapshotter gatun ls | sed 1d | wc -l)"
  assert_equal "snapshots that remain" "" "$(gatun_snapshots)"
  await 20 "the directories to go" has_no_directories
  stop gatun
}

it_makes_an_image_available_to_many_containers() {
  start_node xfs
  pull latest
  local number
  for number in 1 2 3 4 5; do start_container "c$number" latest sleep infinity; done
  for number in 1 2 3 4 5; do exec_in "c$number" sh -c "echo $number >/srv/mine"; done
  for number in 1 2 3 4 5; do
    assert_equal "what container $number wrote" "$number" "$(exec_in "c$number" cat /srv/mine)"
    stop_container "c$number"
    remove_container "c$number"
  done
  collect_garbage
  assert_equal "snapshots that remain" "$(chain_ids latest | wc -l)" "$(count_gatun_snapshots)"
  await 20 "the directories of the containers to go" has_directory_per_snapshot
}

it_leaves_the_overlayfs_snapshotter_alone() {
  start_node ext4
  pull latest overlayfs
  pull latest
  snapshotter=overlayfs
  assert_equal "a container on overlayfs" gatun "$(run_container on-overlayfs latest cat /etc/hostname)"
  snapshotter=gatun
  assert_equal "a container on Gatun" gatun "$(run_container on-gatun latest cat /etc/hostname)"
  stop gatun
  snapshotter=overlayfs
  assert_equal "a container on overlayfs without Gatun" gatun "$(run_container without latest cat /etc/hostname)"
  pull sibling overlayfs
}

it_starts_from_what_it_has_been_trained_in() {
  local installed=/tmp/installed
  cp -a "$project/server/target/gatun" "$installed"
  gatun=$installed/bin/gatun
  "$gatun" train
  assert_equal "directories of training" 0 "$(find /tmp -maxdepth 1 -name 'gatun-training*' | wc -l)"
  # With this option a JVM that does not take the file does not start.
  export GATUN_JAVA_OPTS=-XX:AOTMode=on
  start_node ext4
  pull latest
  assert_equal "the file that the third layer wrote" gatun "$(run_container first latest cat /etc/hostname)"
  unset GATUN_JAVA_OPTS

  # Other libraries than those of the training: it starts all the same.
  stop gatun
  touch -d 2026-01-01 "$installed/lib/gatun-server.jar"
  assert_equal "what commands say of it" "" "$("$gatun" version 2>&1 | grep aot || true)"
  restart_gatun
  await_plugin
  assert_equal "the file, with other libraries" gatun "$(run_container second latest cat /etc/hostname)"
}

it_says_so_when_what_a_command_prints_gets_nowhere() {
  local unread status=0
  refute "$gatun" version >/dev/full 2>/tmp/refused
  assert_equal "what is said of a full disk" \
    "gatun: what was printed is not complete: write stdout: ENOSPC (No space left on device)" "$(cat /tmp/refused)"
  exec {unread}> >(:)
  wait $!
  "$gatun" version >&"$unread" 2>/tmp/refused || status=$?
  exec {unread}>&-
  assert_equal "the exit code if nobody reads" 141 "$status"
  assert_equal "what is said then" "" "$(cat /tmp/refused)"
}
