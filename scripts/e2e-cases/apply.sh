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
