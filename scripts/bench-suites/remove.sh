# Removal of an image, until it is acknowledged and until its space is free.
# shellcheck shell=bash

filesystems_default=(ext4 xfs btrfs)

# Tolerates directories that do not shrink, and databases that have grown.
kept_bytes_max=$((16 << 20))

free_bytes() {
  # btrfs counts freed space only after the transaction.
  [[ $filesystem != btrfs ]] || sync --file-system "$volume"
  stat --file-system --format '%f %S' "$volume" | awk '{ print $1 * $2 }'
}

space_is_back() { (($(free_bytes) >= free_before - kept_bytes_max)); }

# remove_once IMAGE: removes the image, after the daemons have removed another one. Then no snapshot may remain.
remove_once() {
  local begin ticks free_before
  begin_run
  fresh_volume 16G
  lay_out_metadata
  start_contender "$contender"
  await_warm
  sync --file-system "$volume"
  free_before=$(free_bytes)
  # Blobs are removed with their image, so the shared ones cannot be used.
  cp -a "$content_kept/root/$content_plugin/." "$volume/containerd/root/$content_plugin/"
  unpack_to_remove "$warming_image"
  run_ctr images rm --sync "$warming_image" >/dev/null
  unpack_to_remove "$1"
  require_tars "$1"
  sync --file-system "$volume"
  touch_memory 100
  sleep 0.3
  ticks=$(cpu_ticks "${daemons[@]}")
  begin=$EPOCHREALTIME
  run_ctr images rm --sync "$1" >/dev/null
  record acknowledged "$(seconds_between "$begin" "$EPOCHREALTIME")" s
  await 120 "the space of $1" space_is_back
  record space "$(seconds_between "$begin" "$EPOCHREALTIME")" s
  record cpu "$(spent_since "$ticks")" s
  (($(count_committed) == 0)) || die "$contender still has snapshots"
  stop_all
  end_run
}

unpack_to_remove() { run_ctr snapshots unpack --snapshotter "$snapshotter" "$(digest_of "$1")" >/dev/null; }

# remove_by SUBJECT IMAGE CONTENDER...
remove_by() {
  local subject=$1 image=$2 contender round
  shift 2
  for ((round = 1; round <= rounds; round++)); do
    for contender in $(take_turns "$@"); do remove_once "$image"; done
    progress
  done
  rm -rf "$content_kept"
}

# The native drivers copy each layer's parent, so they get a smaller image.
bench_remove() {
  local warming_image=demo:sibling
  keep_content "$small_image" demo:latest "$warming_image"
  remove_by demo demo:latest native gatun-native
  keep_content "$small_image" "$warming_image"
  keep_content "$large_image" large:latest
  remove_by large large:latest overlayfs gatun
}
