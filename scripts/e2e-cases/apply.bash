# Layers that Gatun unpacks as containerd's differ. The trees must equal those of containerd's own differ.
# shellcheck shell=bash

compare_own_differ() {
  own_differ=yes
  compare_with_overlayfs "$1" "$2"
  # The two images have three of their four layers in common.
  assert_equal "layers that Gatun unpacked" 5 "$(count_applies OK)"
  assert_equal "layers left to other differs" 5 "$(count_applies UNIMPLEMENTED)"
}

# A test client takes the place of the unpacker of containerd 2.2.
unpacks_at_once_what_overlayfs_unpacks_in_order() {
  own_differ=yes
  rebase=yes
  start_node ext4
  local tag differ
  for tag in latest sibling; do
    pull "$tag" overlayfs
    for differ in proxy walking; do
      "$testbed" unpack-at-once --address "$gatun_socket" --containerd "$containerd_socket" --differ "$differ" \
        "$(manifest_digest "$tag")" >"/tmp/$differ.$tag.names"
    done
  done
  assert_equal "layers that Gatun unpacked" 5 "$(count_applies OK)"
  # All layers but the lowest, by two differs.
  assert_equal "layers stacked at commit" 8 "$(gatun_snapshots | cut -f 3 | grep -c .)"
  compare_unpacked_at_once latest 1
  compare_unpacked_at_once sibling 4
}

unpacks_what_is_in_the_content_store() {
  own_differ=yes
  start_node ext4
  run_ctr content fetch --plain-http "$(reference latest)" >/dev/null
  assert_equal "snapshots before" "" "$(gatun_snapshots)"
  run_ctr snapshots unpack --snapshotter gatun "$(manifest_digest latest)" >/dev/null
  assert_equal "layers that Gatun unpacked" 4 "$(count_applies OK)"
  # At least the second layer, since the first takes long.
  grep -q "layer is prefetched" "$logs/gatun.log" || fail "no layer was prefetched"
  assert_equal "a container" upper "$(run_container after latest cat /srv/modified)"
}

# count_applies CODE: prints how many Apply requests ended with this status.
count_applies() { grep -c "rpc method=Apply code=$1 " "$logs/gatun.log" || true; }
