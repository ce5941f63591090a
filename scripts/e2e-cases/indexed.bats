#!/usr/bin/env bats
# Runs cases of the other files on indexed layers.
load helpers
load life
load options
load trees
load apply
load apply-failure
load diff
load sharing
load failure

# with_indexed_layers COMMAND...: runs a function of the other files, on a node where every pull must create indexed layers.
with_indexed_layers() {
  [[ $backend == gatun ]] || skip "containerd's overlay snapshotter has directories only"
  layers=indexed
  own_differ=yes
  "$@"
}

@test "carries an indexed image from pull to garbage collection" {
  with_indexed_layers live_through_everything overlay
}

@test "indexes what overlayfs unpacks on ext4" {
  with_indexed_layers compare_own_differ ext4 overlay
}

@test "indexes what overlayfs unpacks on xfs" {
  with_indexed_layers compare_own_differ xfs overlay
}

@test "indexes what overlayfs unpacks on btrfs" {
  with_indexed_layers compare_own_differ btrfs overlay
}

@test "indexes in parallel what overlayfs unpacks in order" {
  with_indexed_layers unpacks_at_once_what_overlayfs_unpacks_in_order
}

@test "gives a user namespace its files from indexed layers" {
  with_indexed_layers gives_a_user_namespace_its_files
}

@test "is killed between pulls while a container runs on indexed layers" {
  with_indexed_layers is_killed_between_pulls_while_a_container_runs
}

@test "survives a restart of containerd with indexed layers" {
  with_indexed_layers outlives_a_restart_of_containerd
}

@test "has all indexed layers after a reboot" {
  with_indexed_layers has_everything_after_a_start_of_the_machine
}

@test "indexes what is in the content store" {
  with_indexed_layers unpacks_what_is_in_the_content_store
}

@test "indexes again after a pull was killed" {
  with_indexed_layers unpacks_anew_when_a_pull_was_killed
}

@test "indexes again once there is space" {
  with_indexed_layers unpacks_again_when_there_is_room_again
}

@test "reports the fault of a layer to be indexed" {
  with_indexed_layers says_what_is_wrong_with_a_layer
}

@test "keeps one indexed layer of concurrent pulls" {
  with_indexed_layers keeps_one_tree_per_layer_of_concurrent_pulls
}

@test "creates layers from containers on indexed layers" {
  with_indexed_layers makes_layers_of_containers_and_of_what_they_are_committed_to
}

@test "writes indexes from which fsck extracts what overlayfs unpacks" {
  with_indexed_layers extract_every_index
}

extract_every_index() {
  start_node ext4
  local tag
  for tag in latest sibling; do
    pull "$tag"
    pull "$tag" overlayfs
    extract_indexes "$tag"
  done
}

# extract_indexes TAG: compares the content of each index with the directory of the layer.
extract_indexes() {
  local diff_ids blobs theirs i indexes index
  mapfile -t diff_ids < <(diff_ids "$1")
  mapfile -t blobs < <(layers "$1")
  mapfile -t theirs < <(lower_directories overlayfs "$(chain_ids "$1" | tail -n 1)")
  assert_equal "directories of $1" "${#diff_ids[@]}" "${#theirs[@]}"
  for i in "${!diff_ids[@]}"; do
    indexes=("$(kept_layer "${diff_ids[i]}")"/index-*)
    for index in "${indexes[@]}"; do
      extract_index "$index" /tmp/extracted
      write_extracted_manifest "$(blob "${blobs[i]}")" /tmp/extracted/fs /tmp/ours.manifest
      write_extracted_manifest "$(blob "${blobs[i]}")" "${theirs[i]}" /tmp/theirs.manifest
      assert_same_files "$1, layer $((i + 1)) as fsck.erofs extracts it" /tmp/theirs.manifest /tmp/ours.manifest
    done
  done
  forget_lowers overlayfs
}

# extract_index INDEX DIRECTORY: extracts a copy of the index without the flag of its checksum, the lowest bit of the byte at
# 1032:
# fsck.erofs 1.8.6 crashes on a superblock with a checksum and blocks of 512 bytes.
extract_index() {
  local announced
  cp "$1" /tmp/index
  announced=$(od -An -tu1 -j 1032 -N 1 /tmp/index)
  printf '%b' "\\x$(printf '%02x' $((announced & ~1)))" | dd of=/tmp/index bs=1 seek=1032 conv=notrunc status=none
  rm -rf "$2"
  fsck.erofs --device="$(dirname "$1")/tar" --extract="$2" --xattrs --preserve /tmp/index >/tmp/fsck.out 2>&1 || {
    cat /tmp/fsck.out >&2
    fail "fsck.erofs does not extract $1"
  }
}

# write_extracted_manifest BLOB DIRECTORY FILE: omits what fsck.erofs changes: it gives directories the time of the extraction,
# drops
# attributes without a value, and sets owners last, which makes the kernel remove capabilities (chown(2)).
write_extracted_manifest() {
  "$testbed" manifest --raw --layer "$1" "$2" |
    sed -e '/ mode=04/s/ mtime=[0-9.]*//' -e 's/ xattr:"[^"]*"=\( \|$\)/\1/' -e 's/ xattr:"security.capability"=[0-9a-f]*//' >"$3"
}
