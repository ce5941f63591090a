#!/usr/bin/env bats
# Layers that Gatun unpacks as containerd's differ. The trees must equal those of containerd's own differ.
load helpers
load trees
load apply

@test "unpacks itself what overlayfs unpacks on overlay" {
  compare_own_differ ext4 overlay
}

@test "unpacks itself what overlayfs unpacks on native" {
  compare_own_differ xfs native
}

@test "unpacks in parallel what overlayfs unpacks in order" {
  unpacks_at_once_what_overlayfs_unpacks_in_order
}

@test "unpacks what is in the content store" {
  unpacks_what_is_in_the_content_store
}

@test "unpacks pulls of the transfer service" {
  own_differ=yes
  # The transfer service of 1.7 only uses HTTPS, and takes trusted certificates from its environment.
  registry_kind=certified
  export SSL_CERT_FILE=$registry_certificate
  start_node ext4
  local tag
  for tag in latest sibling; do
    pull_by_transfer "$tag"
    pull_by_transfer "$tag" overlayfs
  done
  compare_views latest 1
  compare_views sibling 4
  compare_layers latest
  assert_equal "layers that Gatun unpacked" 5 "$(count_applies OK)"
  assert_equal "layers left to other differs" 0 "$(count_applies UNIMPLEMENTED)"
  assert_equal "a container" upper "$(run_container after latest cat /srv/modified)"
}

@test "unpacks each layer once for kubernetes" {
  own_differ=yes
  with_cri=yes
  export CONTAINERD_NAMESPACE=k8s.io
  start_node ext4
  local round pulls pull unpacked
  for round in 1 2 3; do
    unpacked=$(count_applies OK)
    pulls=()
    for pull in latest sibling latest sibling; do
      pull_by_cri "$(reference "$pull")" >/dev/null &
      pulls+=($!)
    done
    for pull in "${pulls[@]}"; do wait "$pull" || fail "round $round: a pull"; done
    # The two images have three of their four layers in common.
    assert_equal "round $round: layers that were unpacked" 5 "$(($(count_applies OK) - unpacked))"
    assert_equal "round $round: snapshots" 5 "$(count_gatun_snapshots)"
    await 20 "one directory per layer" has_directory_per_snapshot
    ((round == 3)) || {
      remove_by_cri latest
      remove_by_cri sibling
      collect_garbage
      await 20 "the directories to go" has_no_directories
    }
  done
  pull latest overlayfs
  pull sibling overlayfs
  compare_views latest
  compare_views sibling
  # A pod would also name the snapshotter.
  assert_equal "a container" upper "$(run_container after latest cat /srv/modified)"
}

@test "keeps one tree per layer of parallel pulls" {
  own_differ=yes
  start_node ext4
  local alone files pulls pull round unpacked twice=0
  pull latest
  await 20 "one directory per layer" has_directory_per_snapshot
  alone=$(kibibytes_of_snapshots)
  files=$(count_files)
  remove_images
  await 20 "the directories to go" has_no_directories
  # Pulls that happen to run one after the other would prove nothing.
  for ((round = 1; round <= 2 || (twice == 0 && round <= 10); round++)); do
    unpacked=$(count_applies OK)
    pulls=()
    for _ in 1 2; do
      pull latest &
      pulls+=($!)
    done
    for pull in "${pulls[@]}"; do wait "$pull" || fail "round $round: a pull"; done
    twice=$((twice + $(count_applies OK) - unpacked - 4))
    # The slower pull of a layer has removed its own attempt.
    collect_garbage
    assert_equal "round $round: snapshots" 4 "$(count_gatun_snapshots)"
    await 20 "one directory per layer" has_directory_per_snapshot
    assert_equal "round $round: files" "$files" "$(count_files)"
    assert_about "round $round: KiB" "$alone" "$(kibibytes_of_snapshots)"
    remove_images
    await 20 "the directories to go" has_no_directories
  done
  ((twice > 0)) || fail "no layer was unpacked twice in $((round - 1)) rounds"
}

kibibytes_of_snapshots() { du --summarize --total "$node"/gatun/{snapshots,trash} | awk 'END { print $1 }'; }

count_files() { find "$node"/gatun/{snapshots,trash} -mindepth 2 | wc -l; }

# assert_about WHAT EXPECTED ACTUAL: tolerates a hundredth, since no two directories have the same layout.
assert_about() {
  (($3 <= $2 + $2 / 100 && $3 >= $2 - $2 / 100)) || fail "$1: expected about $2, got $3"
}
