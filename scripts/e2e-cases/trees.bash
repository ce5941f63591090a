# Gatun's trees must equal those of the built-in overlayfs snapshotter.
# shellcheck shell=bash

compare_with_overlayfs() {
  start_node "$1" --driver "$2"
  local tag
  for tag in latest sibling; do
    pull "$tag"
    pull "$tag" overlayfs
  done
  compare_views latest 1
  # Below its fourth layer it equals the other image.
  compare_views sibling 4
  [[ $2 == native ]] || compare_layers latest
}

# compare_unpacked_at_once TAG FROM: the same for snapshots that were stacked at commit, by both differs. Their names are in
# files.
compare_unpacked_at_once() {
  local tag=$1 chains blobs=() options=() digest i differ names theirs=() ours
  mapfile -t chains < <(chain_ids "$tag")
  for digest in $(layers "$tag"); do blobs+=("$(blob "$digest")"); done
  for i in "${!chains[@]}"; do
    options+=(--layer "${blobs[i]}")
    ((i + 1 >= $2)) || continue
    view overlayfs "${chains[i]}" /tmp/view-overlayfs
    "$testbed" manifest "${options[@]}" /tmp/view-overlayfs >/tmp/overlayfs.manifest
    unview overlayfs /tmp/view-overlayfs
    for differ in proxy walking; do
      mapfile -t names <"/tmp/$differ.$tag.names"
      assert_equal "snapshots of $tag by $differ" "${#chains[@]}" "${#names[@]}"
      mkdir -p /tmp/view-gatun
      "$testbed" view --address "$gatun_socket" "compared $differ $tag $i" "${names[i]}" /tmp/view-gatun >"/tmp/$differ.lowers"
      "$testbed" manifest "${options[@]}" /tmp/view-gatun >/tmp/gatun.manifest
      umount /tmp/view-gatun
      assert_same_files "$tag by $differ, mounted up to layer $((i + 1))" /tmp/overlayfs.manifest /tmp/gatun.manifest
    done
  done
  mapfile -t theirs < <(lower_directories overlayfs "${chains[-1]}")
  for differ in proxy walking; do
    mapfile -t ours <"/tmp/$differ.lowers"
    compare_directories "$tag by $differ"
  done
  forget_lowers overlayfs
}

# compare_views TAG [FROM]: compares the mounts of the whole image, or of each chain from that layer on.
compare_views() {
  local chains from blobs=() options=() digest i snapshotter
  mapfile -t chains < <(chain_ids "$1")
  from=${2:-${#chains[@]}}
  for digest in $(layers "$1"); do blobs+=("$(blob "$digest")"); done
  assert_equal "layers of $1" "${#chains[@]}" "${#blobs[@]}"
  for i in "${!chains[@]}"; do
    options+=(--layer "${blobs[i]}")
    ((i + 1 >= from)) || continue
    for snapshotter in gatun overlayfs; do
      view "$snapshotter" "${chains[i]}" "/tmp/view-$snapshotter"
      "$testbed" manifest "${options[@]}" "/tmp/view-$snapshotter" >"/tmp/$snapshotter.manifest"
      unview "$snapshotter" "/tmp/view-$snapshotter"
    done
    assert_same_files "$1, mounted up to layer $((i + 1))" /tmp/overlayfs.manifest /tmp/gatun.manifest
  done
}

# compare_layers TAG: compares each layer's directory on the disk.
compare_layers() {
  local top blobs=() digest ours theirs
  top=$(chain_ids "$1" | tail -n 1)
  for digest in $(layers "$1"); do blobs+=("$(blob "$digest")"); done
  mapfile -t ours < <(lower_directories gatun "$top")
  mapfile -t theirs < <(lower_directories overlayfs "$top")
  compare_directories "$1"
  forget_lowers gatun
  forget_lowers overlayfs
}

# compare_directories WHAT: compares the directories in $ours with those in $theirs, for the layers in $blobs.
compare_directories() {
  local i
  assert_equal "lower directories of $1" "${#blobs[@]}" "${#ours[@]}"
  for i in "${!blobs[@]}"; do
    "$testbed" manifest --raw --layer "${blobs[i]}" "${ours[i]}" >/tmp/ours.manifest
    "$testbed" manifest --raw --layer "${blobs[i]}" "${theirs[i]}" >/tmp/theirs.manifest
    assert_same_files "$1, layer $((i + 1))" /tmp/theirs.manifest /tmp/ours.manifest
  done
}

# lower_directories SNAPSHOTTER NAME: prints the directories of a chain, the lowest first. Indexed layers are mounted there as
# long
# as the view exists.
lower_directories() {
  keep_view "$1" lowers "$2"
  run_ctr snapshots --snapshotter "$1" mounts / lowers | sed 's/.*lowerdir=\([^ ,]*\).*/\1/' | tr : '\n' | tac
}

# forget_lowers SNAPSHOTTER: removes the view of lower_directories.
forget_lowers() { run_ctr snapshots --snapshotter "$1" rm lowers; }
