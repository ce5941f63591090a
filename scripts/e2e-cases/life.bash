# The life of an image and of a container on it.
# shellcheck shell=bash

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

  # Commit, and use the committed snapshot as a container's base.
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
