# Layers that Gatun creates as containerd's differ.
# shellcheck shell=bash

# count_diffs CODE: prints how many Diff requests ended with this status.
count_diffs() { grep -c "rpc method=Diff code=$1 " "$logs/gatun.log" || true; }

# diff_snapshot NAME FILE [ARGUMENT...]: writes the snapshot's layer to a file.
diff_snapshot() {
  local name=$1 file=$2
  shift 2
  run_ctr snapshots --snapshotter gatun diff "$@" "$name" >"$file"
}

# start_changed_container: starts a container that changes, deletes, replaces and renames files, and keeps running.
start_changed_container() {
  pull latest
  start_container changing latest sleep infinity
  exec_in changing sh -c 'echo changed >/srv/modified && rm /srv/kept/file && rm -rf /srv/links && mkdir /srv/links &&
    echo one >/srv/links/one && ln /srv/links/one /srv/two && ln -s nowhere /srv/three && mkfifo /srv/four &&
    truncate -s 20M /srv/holes && echo end >>/srv/holes && chown 70000:3000000 /srv/four && chmod 4755 /srv/modified'
}

makes_layers_of_containers_and_of_what_they_are_committed_to() {
  own_differ=yes
  start_node ext4
  start_changed_container
  diff_snapshot changing /tmp/gzip
  diff_snapshot changing /tmp/again
  assert_same_files "the same layer twice" /tmp/gzip /tmp/again
  diff_snapshot changing /tmp/tar --media-type application/vnd.oci.image.layer.v1.tar
  diff_snapshot changing /tmp/zstd --media-type application/vnd.oci.image.layer.v1.tar+zstd
  assert_equal "the digest of gzip" "$(sha256sum </tmp/tar)" "$(gzip -dc /tmp/gzip | sha256sum)"
  assert_equal "the digest of zstd" "$(sha256sum </tmp/tar)" "$(zstd -dqc /tmp/zstd | sha256sum)"
  assert_contains "the names in the layer" "srv/links/.wh..wh..opq" "$(tar -tf /tmp/tar)"
  assert_contains "the names in the layer" "srv/kept/.wh.file" "$(tar -tf /tmp/tar)"
  stop_container changing
  run_ctr snapshots --snapshotter gatun commit changed changing
  diff_snapshot changed /tmp/committed --media-type application/vnd.oci.image.layer.v1.tar
  assert_same_files "the layer once it is committed" /tmp/tar /tmp/committed
  assert_equal "layers that Gatun created" 5 "$(count_diffs OK)"

  # Imports the layer as the top layer of an image.
  import_with_layer /tmp/gzip /tmp/tar
  assert_equal "a changed file" changed "$(run_container after made cat /srv/modified)"
  refute run_container after made cat /srv/kept/file 2>/dev/null
  view gatun changed /tmp/changed
  view gatun "$(chain_ids made | tail -n 1)" /tmp/made
  "$testbed" manifest /tmp/changed >/tmp/changed.list
  "$testbed" manifest /tmp/made >/tmp/made.list
  assert_same_files "the container and the image of its layer" /tmp/changed.list /tmp/made.list
  unview gatun /tmp/changed
  unview gatun /tmp/made
}

# import_with_layer BLOB TAR: imports the image "made", which is "latest" with one more layer.
import_with_layer() {
  local image=/tmp/image blobs=/tmp/image/blobs/sha256 digest config manifest
  mkdir -p "$blobs"
  for digest in $(layers latest); do cp "$(blob "$digest")" "$blobs/"; done
  digest=$(sha256sum <"$1" | cut -d ' ' -f 1)
  cp "$1" "$blobs/$digest"
  config=$(run_ctr content get "$(manifest_digest latest)" | jq -r .config.digest)
  run_ctr content get "$config" | jq -c --arg id "sha256:$(sha256sum <"$2" | cut -d ' ' -f 1)" \
    '.rootfs.diff_ids += [$id] | del(.history)' >/tmp/config
  config=$(sha256sum </tmp/config | cut -d ' ' -f 1)
  cp /tmp/config "$blobs/$config"
  run_ctr content get "$(manifest_digest latest)" | jq -c \
    --arg layer "sha256:$digest" --argjson bytes "$(stat -c %s "$1")" \
    --arg config "sha256:$config" --argjson config_bytes "$(stat -c %s /tmp/config)" \
    '.config.digest = $config | .config.size = $config_bytes |
     .layers += [{mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: $layer, size: $bytes}]' >/tmp/manifest
  manifest=$(sha256sum </tmp/manifest | cut -d ' ' -f 1)
  cp /tmp/manifest "$blobs/$manifest"
  echo '{"imageLayoutVersion":"1.0.0"}' >"$image/oci-layout"
  jq -n --arg digest "sha256:$manifest" --argjson bytes "$(stat -c %s /tmp/manifest)" --arg name "$(reference made)" \
    --arg type "$(jq -r '.mediaType // "application/vnd.oci.image.manifest.v1+json"' /tmp/manifest)" \
    '{schemaVersion: 2, manifests: [{mediaType: $type, digest: $digest, size: $bytes,
      annotations: {"io.containerd.image.name": $name}}]}' >"$image/index.json"
  tar -C "$image" -cf /tmp/image.tar .
  run_ctr images import --snapshotter gatun /tmp/image.tar >/dev/null
}
