#!/usr/bin/env bats
# Concurrent pulls.
load helpers
load sharing

@test "keeps one tree per layer of concurrent pulls" {
  keeps_one_tree_per_layer_of_concurrent_pulls
}

@test "survives many pulls of one image" {
  start_node ext4
  local pulls=() process
  for _ in 1 2 3 4; do
    pull latest &
    pulls+=($!)
  done
  for process in "${pulls[@]}"; do wait "$process" || fail "a pull"; done
  collect_garbage
  assert_equal "snapshots" "$(chain_ids latest | wc -l)" "$(count_gatun_snapshots)"
  await 20 "one directory per layer" has_directory_per_snapshot
}
