#!/usr/bin/env bats
# The life of an image and of a container on it.
load helpers
load life

@test "appears as a working plugin" {
  warm_up=yes
  start_node ext4
  local line
  line=$(run_ctr plugins ls | awk '$2 == "gatun" { print $1, $4 }')
  assert_equal "the plugin" "io.containerd.snapshotter.v1 ok" "$line"
}

@test "carries an image from pull to garbage collection on overlay" {
  live_through_everything overlay
}

@test "carries an image from pull to garbage collection on native" {
  live_through_everything native
}

@test "makes an image available to many containers" {
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

@test "leaves the overlayfs snapshotter alone" {
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

@test "starts from its training file" {
  local installed=/tmp/installed
  cp -a "$project/server/target/gatun" "$installed"
  gatun=$installed/bin/gatun
  unset GATUN_JAVA_OPTS
  rm -f "$installed/lib/gatun.aot"
  "$gatun" train
  assert_equal "directories of training" 0 "$(find /tmp -maxdepth 1 -name 'gatun-training*' | wc -l)"
  # With this option, a JVM that cannot use the file does not start.
  export GATUN_JAVA_OPTS=-XX:AOTMode=on
  warm_up=yes
  start_node ext4
  pull latest
  assert_equal "the file that the third layer wrote" gatun "$(run_container first latest cat /etc/hostname)"
  unset GATUN_JAVA_OPTS

  # With other libraries than those of the training, it starts without the file.
  stop gatun
  touch -d 2026-01-01 "$installed/lib/gatun-server.jar"
  assert_equal "the commands' messages about it" "" "$("$gatun" version 2>&1 | grep aot || true)"
  restart_gatun
  await_plugin
  assert_equal "the file, with other libraries" gatun "$(run_container second latest cat /etc/hostname)"
}

@test "reports output that cannot be written" {
  local unread status=0
  refute "$gatun" version >/dev/full 2>/tmp/refused
  assert_equal "the message about a full disk" \
    "gatun: the output is not complete: write stdout: ENOSPC (No space left on device)" "$(cat /tmp/refused)"
  exec {unread}> >(:)
  wait $!
  "$gatun" version >&"$unread" 2>/tmp/refused || status=$?
  exec {unread}>&-
  assert_equal "the exit code after the reader closed the pipe" 141 "$status"
  assert_equal "the message then" "" "$(cat /tmp/refused)"
}
