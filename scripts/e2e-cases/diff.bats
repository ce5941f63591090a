#!/usr/bin/env bats
# Layers that Gatun creates as containerd's differ.
load helpers
load diff

@test "creates layers from containers and from their commits" {
  makes_layers_of_containers_and_of_what_they_are_committed_to
}

@test "keeps a new layer from the garbage collection for an hour" {
  own_differ=yes
  start_node ext4
  start_changed_container
  diff_snapshot changing /tmp/gzip
  local digest lease
  digest=sha256:$(sha256sum </tmp/gzip | cut -d ' ' -f 1)
  collect_garbage
  assert_contains "the blobs after a collection" "$digest" "$(run_ctr content ls -q)"
  assert_contains "its labels" "containerd.io/uncompressed=sha256:$(gzip -dc /tmp/gzip | sha256sum | cut -d ' ' -f 1)" \
    "$(run_ctr content ls | grep "$digest")"
  lease=$(gatun_leases)
  assert_equal "leases of Gatun" 1 "$(wc -w <<<"$lease")"
  assert_contains "the lease" "containerd.io/gc.expire=$(date -u -d '+1 hour' +%Y-%m-%dT)" \
    "$(run_ctr leases ls | grep "$lease")"
  # Creates the same content again: the second lease alone must keep it.
  diff_snapshot changing /tmp/again
  run_ctr leases rm "$lease" >/dev/null
  collect_garbage
  assert_contains "the blobs after it was created twice" "$digest" "$(run_ctr content ls -q)"
  run_ctr leases rm "$(gatun_leases)" >/dev/null
  collect_garbage
  [[ $(run_ctr content ls -q) != *"$digest"* ]] || fail "nothing keeps the layer, and it is still there"
}

# gatun_leases: prints Gatun's leases.
gatun_leases() { run_ctr leases ls -q | grep '^gatun-diff-' || true; }
