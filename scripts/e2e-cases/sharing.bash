# Concurrent pulls.
# shellcheck shell=bash

keeps_one_tree_per_layer_of_concurrent_pulls() {
  start_node ext4
  local round distinct first second
  for round in 1 2; do
    pull latest &
    first=$!
    pull sibling &
    second=$!
    wait "$first" || fail "round $round: the first pull"
    wait "$second" || fail "round $round: the second pull"
    distinct=$({ chain_ids latest && chain_ids sibling; } | sort -u | wc -l)
    assert_equal "layers that the images share" 3 "$(($(chain_ids latest | wc -l) + $(chain_ids sibling | wc -l) - distinct))"
    # The slower pull of a layer has removed its own attempt.
    collect_garbage
    assert_equal "round $round: snapshots" "$distinct" "$(count_gatun_snapshots)"
    await 20 "one directory per layer" has_directory_per_snapshot
    assert_equal "a container on one" upper "$(run_container "one-$round" latest cat /srv/modified)"
    assert_equal "a container on the other" lower "$(run_container "other-$round" sibling cat /srv/modified)"
    remove_images
    assert_equal "round $round: snapshots that remain" "" "$(gatun_snapshots)"
    await 20 "the directories to go" has_no_directories
  done
}
