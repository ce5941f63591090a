#!/usr/bin/env bats
# Failures while Gatun unpacks layers.
load helpers
load trees
load apply
load apply-failure

@test "unpacks again after a pull was killed" {
  unpacks_anew_when_a_pull_was_killed
}

@test "fails the pulls of other snapshotters while it is stopped" {
  own_differ=yes
  start_node ext4
  pull latest overlayfs
  assert_equal "layers left to other differs" 4 "$(count_applies UNIMPLEMENTED)"
  stop gatun
  refute pull sibling overlayfs 2>/dev/null
  restart_gatun
  await_plugin
  pull sibling overlayfs
  run_without_gatun_diff
}

# As server/docs/containerd.md describes.
run_without_gatun_diff() {
  remove_images
  stop gatun
  stop containerd
  own_differ=no
  start_containerd "$node/containerd"
  pull latest overlayfs
  restart_gatun
  await_plugin
  pull latest
  compare_views latest
  assert_equal "layers that Gatun unpacked" 0 "$(count_applies OK)"
}

@test "unpacks again once there is space" {
  unpacks_again_when_there_is_room_again
}

@test "reports the fault of a layer" {
  says_what_is_wrong_with_a_layer
}

@test "refuses requests that it must not unpack" {
  own_differ=yes
  start_node ext4
  local layer size unknown=sha256:0000000000000000000000000000000000000000000000000000000000000000
  pull latest overlayfs
  pull latest
  run_ctr snapshots --snapshotter gatun prepare waiting >/dev/null
  run_ctr snapshots --snapshotter gatun view viewed "$(chain_ids latest | head -n 1)" >/dev/null
  layer=$(layers latest | head -n 1)
  size=$(stat -c %s "$(blob "$layer")")

  refute apply_layer waiting "$layer" --namespace elsewhere
  assert_refusal NotFound "$layer" elsewhere
  refute apply_layer waiting "$layer" --namespace 'no name'
  assert_refusal InvalidArgument "$layer" 'no name'
  refute apply_layer waiting "$layer" --digest "$unknown"
  assert_refusal NotFound "$unknown"
  refute apply_layer waiting "$layer" --size $((size + 1))
  assert_refusal InvalidArgument "$layer" "$size" $((size + 1))
  refute apply_layer waiting "$layer" --type application/vnd.oci.image.layer.v1.tar+gzip+encrypted
  assert_refusal Unimplemented encrypted
  refute apply_layer waiting "$layer" --source "$node/containerd/root"
  assert_refusal Unimplemented "no mounts of a snapshot"
  refute apply_layer viewed "$layer"
  assert_refusal FailedPrecondition 'not active'

  apply_layer waiting "$layer"
  # The snapshot has content now.
  refute apply_layer waiting "$layer"
  assert_refusal Unimplemented waiting
  run_ctr snapshots --snapshotter gatun rm waiting
}

@test "survives a containerd that dies while it sends a blob" {
  own_differ=yes
  start_node ext4
  local layer applying round
  pull latest overlayfs
  run_ctr snapshots --snapshotter gatun prepare waiting >/dev/null
  layer=$(layers latest | head -n 1)
  # Hides the blobs' files from Gatun, so that containerd has to send them.
  sed -i 's,^containerd_root = .*,containerd_root = "/nowhere",' /tmp/gatun.toml
  stop gatun
  restart_gatun
  for round in 1 2 3; do
    apply_layer waiting "$layer" &
    applying=$!
    await 20 "the first files" has_files
    stop containerd KILL || true
    ! wait "$applying" || fail "round $round: the layer was unpacked nevertheless"
    assert_refusal Unavailable "$layer" offset entry
    assert_equal "round $round: files that remain" "" "$(snapshot_files)"
    start_containerd "$node/containerd"
  done
  apply_layer waiting "$layer"
  run_ctr snapshots --snapshotter gatun rm waiting
  collect_garbage
  await 20 "the directories to go" has_no_directories
}

snapshot_files() { find "$node"/gatun/snapshots/*/fs -mindepth 1 -print -quit; }

has_files() { [[ -n $(snapshot_files) ]]; }
