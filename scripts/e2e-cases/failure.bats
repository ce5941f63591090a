#!/usr/bin/env bats
# Failures of daemons, and loss of data.
load helpers
load failure

@test "is killed between pulls while a container runs" {
  is_killed_between_pulls_while_a_container_runs
}

@test "is killed during pulls while a container runs" {
  start_node ext4
  local seed=${GATUN_SEED:-$RANDOM} rounds=3 round milliseconds pulling repeated=0
  say "GATUN_SEED=$seed"
  RANDOM=$seed
  pull sibling overlayfs
  write_manifest overlayfs sibling /tmp/expected
  pull latest
  start_ticking
  for ((round = 1; round <= rounds; round++)); do
    pull sibling 2>/dev/null &
    pulling=$!
    milliseconds=$((RANDOM % 1200))
    sleep "$(printf '0.%03d' $((milliseconds % 1000)))"
    kill_gatun
    restart_gatun
    if ! wait "$pulling"; then
      repeated=$((repeated + 1))
      await_plugin
      pull sibling
    fi
    write_manifest gatun sibling /tmp/actual
    assert_same_files "round $round, killed after $milliseconds ms" /tmp/expected /tmp/actual
    assert_still_ticking "in round $round"
    run_ctr images rm --sync "$(reference sibling)" >/dev/null
    pull sibling overlayfs
  done
  say "$repeated of $rounds pulls were interrupted and repeated"
  stop_container ticking
  remove_container ticking
  remove_images
  await 20 "the directories to go" has_no_directories
  assert_equal "snapshots that remain" "" "$(gatun_snapshots)"
}

@test "survives a restart of containerd" {
  outlives_a_restart_of_containerd
}

@test "has all layers after a reboot" {
  has_everything_after_a_start_of_the_machine
}

@test "is emptied when the metadata of containerd is lost" {
  start_node ext4
  pull latest
  stop containerd
  rm "$node/containerd/root/io.containerd.metadata.v1.bolt/meta.db"
  start_containerd "$node/containerd"
  assert_equal "snapshots that containerd knows" 0 "$(run_ctr snapshots --snapshotter gatun ls | sed 1d | wc -l)"
  assert_equal "unreferenced snapshots" 4 "$(count_gatun_snapshots)"
  collect_garbage
  assert_equal "snapshots that remain" "" "$(gatun_snapshots)"
  await 20 "the directories to go" has_no_directories
  pull latest
  assert_equal "a container" upper "$(run_container after latest cat /srv/modified)"
}

@test "starts empty when its own root is lost" {
  start_node ext4
  pull latest
  stop gatun
  rm -rf "$node/gatun"
  restart_gatun
  await_plugin
  refute run_container lost latest true 2>/dev/null
  # The remedy: remove the images and containers of the lost layers, collect garbage, and pull again.
  run_ctr containers rm lost 2>/dev/null || true
  remove_images
  collect_garbage
  assert_equal "snapshots that containerd knows" 0 "$(run_ctr snapshots --snapshotter gatun ls | sed 1d | wc -l)"
  pull latest
  assert_equal "a container" upper "$(run_container after latest cat /srv/modified)"
}

@test "reports a missing layer and the remedy" {
  [[ $backend == gatun ]] || skip "containerd's overlay snapshotter mounts what is missing"
  start_node ext4
  pull latest
  local chain directory message lowest
  mapfile -t chain < <(chain_ids latest)
  lowest=${chain[0]}
  run_ctr snapshots --snapshotter gatun view lookup "$lowest"
  directory=$(run_ctr snapshots --snapshotter gatun mounts / lookup | grep -om 1 "$node/gatun/snapshots/[0-9]*")
  run_ctr snapshots --snapshotter gatun rm lookup
  collect_garbage
  stop gatun
  rm -rf "$directory"
  restart_gatun
  await_plugin
  grep -q "directory of snapshot is missing" "$logs/gatun.log" || fail "the log does not report the missing layer"
  message=$(run_container lost latest true 2>&1) && fail "a container started on a missing layer"
  assert_contains "the message" "$lowest" "$message"
  assert_contains "the remedy" "pull again" "$message"
  refute test -e "$directory"
  # A new pull alone would not repair it: containerd still has the name.
  run_ctr containers rm lost 2>/dev/null || true
  remove_images
  collect_garbage
  assert_equal "snapshots that remain" "" "$(gatun_snapshots)"
  pull latest
  assert_equal "a container" upper "$(run_container after latest cat /srv/modified)"
}
