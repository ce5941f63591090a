# Layers that Gatun unpacks itself, as containerd's differ.
# shellcheck shell=bash
# What two trees have to have in common is the same as when containerd's own differ unpacks.
source "$project/scripts/e2e-cases/trees.sh"

it_unpacks_itself_what_overlayfs_unpacks_on_overlay() { compare_own_differ ext4 overlay; }

it_unpacks_itself_what_overlayfs_unpacks_on_native() { compare_own_differ xfs native; }

compare_own_differ() {
  own_differ=yes
  compare_with_overlayfs "$1" "$2"
  # The two images have three of their four layers in common.
  assert_equal "layers that Gatun unpacked" 5 "$(count_applies OK)"
  assert_equal "layers that it left to others" 5 "$(count_applies UNIMPLEMENTED)"
}

it_unpacks_what_is_in_the_content_store() {
  own_differ=yes
  start_node ext4
  run_ctr content fetch --plain-http "$(reference latest)" >/dev/null
  assert_equal "snapshots before" "" "$(gatun_snapshots)"
  run_ctr snapshots unpack --snapshotter gatun "$(manifest_digest latest)" >/dev/null
  assert_equal "layers that Gatun unpacked" 4 "$(count_applies OK)"
  assert_equal "a container" upper "$(run_container after latest cat /srv/modified)"
}

it_unpacks_anew_when_a_pull_was_killed() {
  own_differ=yes
  start_node ext4
  local seed=${GATUN_SEED:-$RANDOM} round pulling unpacked milliseconds
  say "GATUN_SEED=$seed"
  RANDOM=$seed
  pull latest overlayfs
  for round in 1 2 3 4; do
    run_ctr images pull --plain-http --snapshotter gatun "$(reference latest)" >/dev/null 2>&1 &
    pulling=$!
    unpacked=$(count_applies OK)
    milliseconds=$((RANDOM % 700))
    sleep "$(printf '0.%03d' "$milliseconds")"
    if ((round % 2)); then
      kill -KILL "$pulling" 2>/dev/null || true
    else
      stop gatun KILL || true
      restart_gatun
    fi
    wait "$pulling" 2>/dev/null || true
    await_plugin
    say "round $round: killed after $milliseconds ms, when $(($(count_applies OK) - unpacked)) layers were unpacked"
    pull latest
    compare_views latest 4
    run_ctr images rm --sync "$(reference latest)" >/dev/null
    collect_garbage
    pull latest overlayfs
  done
  remove_images
  collect_leases
  await 20 "the directories to go" has_no_directories
  assert_equal "snapshots that remain" "" "$(gatun_snapshots)"
}

# A client that was killed leaves a lease behind, which lasts for a day.
collect_leases() {
  local lease
  for lease in $(run_ctr leases ls -q); do run_ctr leases rm "$lease" >/dev/null; done
  collect_garbage
}

it_takes_pulls_of_other_snapshotters_with_it_when_it_stops() {
  own_differ=yes
  start_node ext4
  pull latest overlayfs
  assert_equal "layers that it left to others" 4 "$(count_applies UNIMPLEMENTED)"
  stop gatun
  refute pull sibling overlayfs 2>/dev/null
  restart_gatun
  await_plugin
  pull sibling overlayfs
}

# count_applies CODE: how many requests to unpack a layer were answered in this way.
count_applies() { grep -c "rpc method=Apply code=$1 " "$logs/gatun.log" || true; }
