#!/usr/bin/env bats
# Stored layers, which containerd neither fetches nor unpacks again.
load helpers
load trees
load apply

# make_related_images: creates a registry with two more images: demo:inserted has a layer of its own between the base and the
# other
# layers of demo:latest, and demo:removed lacks the second layer of demo:latest.
make_related_images() {
  local layout=/tmp/related manifest config layer diff_id
  [[ $backend == gatun ]] || skip "containerd's overlay snapshotter has directories only"
  cp -a "$small_images" /tmp/images
  small_images=/tmp/images
  start_registry "$small_images" writable
  skopeo --insecure-policy copy --quiet --src-tls-verify=false "docker://$registry/demo:latest" "oci:$layout:latest"
  manifest=$(layout_blob "$(jq -r '.manifests[0].digest' "$layout/index.json")")
  config=$(layout_blob "$(jq -r .config.digest "$manifest")")
  mkdir -p /tmp/inserted/{srv,opt/inserted}
  chmod 700 /tmp/inserted/srv
  say inserted >/tmp/inserted/srv/inserted
  tar --create --file /tmp/inserted.tar --directory /tmp/inserted --numeric-owner srv opt
  diff_id=sha256:$(sha256sum </tmp/inserted.tar | cut -d ' ' -f 1)
  layer=$(gzip -n </tmp/inserted.tar | put_blob)
  add_image inserted ".[:1] + [\"$diff_id\"] + .[1:]" ".[:1] + [.[0] + $layer] + .[1:]"
  add_image removed '.[:1] + .[2:]' '.[:1] + .[2:]'
  stop registry || true
}

# start_node_for_transfer: starts a node with those images and indexed layers.
start_node_for_transfer() {
  layers=indexed
  own_differ=yes
  make_related_images
  # The transfer service of 1.7 only uses HTTPS, and takes trusted certificates from its environment.
  registry_kind=certified
  export SSL_CERT_FILE=$registry_certificate
  start_node ext4
}

layout_blob() { printf '%s/blobs/%s' "$layout" "${1/://}"; }

# put_blob: stores its input, and prints digest and size as in a descriptor.
put_blob() {
  local digest
  cat >/tmp/put
  digest=$(sha256sum </tmp/put | cut -d ' ' -f 1)
  mv /tmp/put "$layout/blobs/sha256/$digest"
  jq -nc --arg digest "sha256:$digest" --argjson size "$(stat -c %s "$layout/blobs/sha256/$digest")" '$ARGS.named'
}

# add_image TAG DIFF_IDS LAYERS: adds an image like the latest, with other lists of both.
add_image() {
  local new_config new_manifest
  new_config=$(jq -c "del(.history) | .rootfs.diff_ids |= ($2)" "$config" | put_blob)
  new_manifest=$(jq -c ".config += $new_config | .layers |= ($3)" "$manifest" | put_blob)
  jq -c --arg tag "$1" ".manifests = [.manifests[0] + $new_manifest + {annotations: {\"org.opencontainers.image.ref.name\": \$tag}}]" \
    "$layout/index.json" >/tmp/index.json
  mv /tmp/index.json "$layout/index.json"
  skopeo --insecure-policy copy --quiet --dest-tls-verify=false "oci:$layout:$1" "docker://$registry/demo:$1"
}

count_there() { grep -c "rpc method=Prepare code=ALREADY_EXISTS " "$logs/gatun.log" || true; }

# assert_asked WHAT APPLIES THERE: checks how many layers were unpacked, and how many reported as present, since the last call.
assert_asked() {
  assert_equal "$1: layers that were unpacked" "$2" "$(($(count_applies OK) - unpacked))"
  assert_equal "$1: layers that were present" "$3" "$(($(count_there) - there))"
  unpacked=$(count_applies OK)
  there=$(count_there)
}

@test "neither fetches nor unpacks stored layers" {
  local unpacked=0 there=0 tag blobs
  start_node_for_transfer
  pull_by_transfer latest
  assert_indexed latest
  assert_asked "the first image" 4 0
  restart_gatun
  await_plugin
  pull_by_transfer inserted
  assert_asked "the same layers on another one" 1 3
  blobs=$(run_ctr content ls -q | wc -l)
  pull_by_transfer removed
  assert_asked "the same layers on fewer" 0 2
  # Only manifest and configuration.
  assert_equal "blobs that were fetched" 2 "$(($(run_ctr content ls -q | wc -l) - blobs))"
  pull_by_transfer removed
  assert_asked "a present image" 0 0
  for tag in latest inserted removed; do
    pull_by_transfer "$tag" overlayfs
    compare_views "$tag"
    compare_layers "$tag"
  done
  assert_equal "tars" 5 "$(kept_layers | wc -l)"

  restart_gatun
  await_plugin
  start_container running inserted sleep infinity
  assert_equal "a file of a layer that was present" upper "$(exec_in running cat /srv/modified)"
  assert_equal "a file of the layer below" inserted "$(exec_in running cat /srv/inserted)"
  run_ctr images rm --sync "$(reference latest)" "$(reference removed)" >/dev/null
  run_ctr content prune references >/dev/null
  collect_garbage
  await 20 "one directory per layer" has_directory_per_snapshot
  assert_equal "snapshots beside the container's" 5 "$(($(count_gatun_snapshots) - 1))"
  assert_equal "a file after the other images went" upper "$(exec_in running cat /srv/modified)"
  stop_container running
  remove_container running
  run_ctr snapshots --snapshotter gatun rm running 2>/dev/null || true

  # The layers of the removed image that the remaining one shares.
  pull_by_transfer latest
  assert_asked "an image that was removed" 0 3
  remove_images
  collect_garbage
  assert_equal "snapshots that remain" "" "$(gatun_snapshots)"
  await 20 "the directories to go" has_no_directories
}

@test "unpacks layers for a namespace that does not have them" {
  local unpacked=0 there=0
  start_node_for_transfer
  pull_by_transfer latest
  assert_asked "one namespace" 4 0
  export CONTAINERD_NAMESPACE=other
  pull_by_transfer inserted
  assert_asked "another namespace" 5 0
  pull_by_transfer removed
  assert_asked "layers of that namespace" 0 2
  pull_by_transfer removed overlayfs
  compare_views removed
  assert_equal "tars" 5 "$(kept_layers | wc -l)"
  remove_images
  unset CONTAINERD_NAMESPACE
  collect_garbage
  assert_equal "a container of the other" upper "$(run_container after latest cat /srv/modified)"
  remove_images
  collect_garbage
  await 20 "the directories to go" has_no_directories
}

@test "neither fetches nor unpacks stored layers for kubernetes" {
  local unpacked=0 there=0
  layers=indexed
  own_differ=yes
  with_cri=yes
  make_related_images
  export CONTAINERD_NAMESPACE=k8s.io
  start_node xfs
  pull_by_cri "$(reference latest)" >/dev/null
  assert_asked "the first image" 4 0
  pull_by_cri "$(reference inserted)" >/dev/null
  assert_asked "the same layers on another one" 1 3
  pull_by_cri "$(reference removed)" >/dev/null
  assert_asked "the same layers on fewer" 0 2
  pull inserted overlayfs
  compare_views inserted
  assert_equal "a container" upper "$(run_container after inserted cat /srv/modified)"
  remove_by_cri latest
  remove_by_cri removed
  remove_by_cri inserted
  remove_images
  collect_garbage
  assert_equal "snapshots that remain" "" "$(gatun_snapshots)"
  await 20 "the directories to go" has_no_directories
}

@test "unpacks every layer with rebase" {
  local unpacked=0 there=0
  rebase=yes
  start_node_for_transfer
  pull_by_transfer latest
  pull_by_transfer inserted
  assert_asked "both" 8 0
}
