# Layers that Gatun unpacks itself, as containerd's differ.
# What two trees have to have in common is the same as when containerd's own differ unpacks.
# shellcheck shell=bash

compare_own_differ() {
  own_differ=yes
  compare_with_overlayfs "$1" "$2"
  # The two images have three of their four layers in common.
  assert_equal "layers that Gatun unpacked" 5 "$(count_applies OK)"
  assert_equal "layers that it left to others" 5 "$(count_applies UNIMPLEMENTED)"
}

# As an unpacker of containerd 2.2, whose place a client of our own takes.
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
  # All but the lowest, by two differs.
  assert_equal "layers that were put on others" 8 "$(gatun_snapshots | cut -f 3 | grep -c .)"
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
  # The second one at least, since the first takes long.
  grep -q "layer is made ahead" "$logs/gatun.log" || fail "no layer was made ahead"
  assert_equal "a container" upper "$(run_container after latest cat /srv/modified)"
}

# count_applies CODE: how many requests to unpack a layer were answered in this way.
count_applies() { grep -c "rpc method=Apply code=$1 " "$logs/gatun.log" || true; }
