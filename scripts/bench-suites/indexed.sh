# Indexed layers: unpacking, use, and removal.
# shellcheck shell=bash

for part in unpack pull remove; do
  # shellcheck disable=SC1090
  source "$project/scripts/bench-suites/$part.sh"
done

filesystems_default=(ext4)

# Every unpacking to one file needs these.
floor_parts=(decompress sha256 write)

# forget_files: makes the next reads come from the disk.
forget_files() {
  sync
  say 3 >/proc/sys/vm/drop_caches
}

cached_mib() { awk '$1 == "Cached:" { print int($2 / 1024) }' /proc/meminfo; }

# measure_container TEMPERATURE
measure_container() {
  local begin=$EPOCHREALTIME first_line
  run_to_first_line "$subject:latest"
  record "$1_first_line" "$(seconds_between "$begin" "$first_line")" s
}

# measure_reading TEMPERATURE: reads all files.
measure_reading() {
  local begin=$EPOCHREALTIME
  read_into_memory "$image_mounted"
  record "$1_read" "$(seconds_between "$begin" "$EPOCHREALTIME")" s
}

# The memory limit of a container, page cache included.
limited_mib=256

# measure_limited: reads all files in a container with little memory.
measure_limited() {
  local begin=$EPOCHREALTIME
  run_ctr run --rm --snapshotter "$snapshotter" --cgroup "$(sandbox_cgroup)/$contender" --memory-limit $((limited_mib << 20)) \
    "$subject:latest" "$contender" /bin/sh -c 'find / -xdev -type f -exec cat {} + >/dev/null' >/dev/null
  record limited_read "$(seconds_between "$begin" "$EPOCHREALTIME")" s
}

# use_image: runs a container and reads all files, each with cold and with warm page cache; then runs a container with little
# memory.
use_image() {
  local image_mounted=/tmp/image-in-use before
  forget_files
  measure_container cold
  measure_container warm
  mkdir "$image_mounted"
  run_ctr images mount --snapshotter "$snapshotter" "$subject:latest" "$image_mounted" >/dev/null
  forget_files
  before=$(cached_mib)
  measure_reading cold
  record cached "$(($(cached_mib) - before))" MiB
  measure_reading warm
  forget_files
  before=$(cached_mib)
  measure_limited
  record limited_cached "$(($(cached_mib) - before))" MiB
  run_ctr images unmount --rm "$image_mounted" >/dev/null
  rmdir "$image_mounted"
}

# keep_blob FILE: copies the file into an image layout.
keep_blob() { cp "$1" "$layout/blobs/sha256/$(sha256 "$1")"; }

sha256() { sha256sum "$1" | cut --delimiter=' ' --fields=1; }

# keep_other_bases: creates images of all layers of large but the lowest, on the lowest one or two layers of the warm-up image;
# and
# a smaller one the other way round. The kept content has all of their layers.
keep_other_bases() {
  local layout=/tmp/other-bases
  mkdir -p "$layout/blobs/sha256"
  start_containerd "$content_kept"
  describe "$warming_image" small
  describe large:latest large
  say '{"imageLayoutVersion": "1.0.0"}' >"$layout/oci-layout"
  {
    put_on_other_base large small 1 large:on-1
    put_on_other_base large small 2 large:on-2
    put_on_other_base small large 1 "$warming_on_other_base"
  } | jq --slurp '{schemaVersion: 2, manifests: .}' >"$layout/index.json"
  tar --create --directory "$layout" . | run_ctr images import --no-unpack - >/dev/null
  stop containerd >/dev/null || true
}

# describe IMAGE NAME: writes its manifest and its configuration to files of that name.
describe() {
  run_ctr content get "$(digest_of "$1")" >"/tmp/$2.json"
  run_ctr content get "$(jq -r .config.digest "/tmp/$2.json")" >"/tmp/$2-config.json"
}

# put_on_other_base UPPER LOWER LAYERS IMAGE: creates an image of that many layers of LOWER and of all but the lowest of UPPER,
# and
# prints its descriptor.
put_on_other_base() {
  jq --slurpfile lower "/tmp/$2-config.json" --argjson layers "$3" \
    '.rootfs.diff_ids |= $lower[0].rootfs.diff_ids[:$layers] + .[1:] | del(.history)' "/tmp/$1-config.json" >/tmp/config.json
  jq --slurpfile lower "/tmp/$2.json" --argjson layers "$3" \
    --arg config "sha256:$(sha256 /tmp/config.json)" --argjson size "$(stat -c %s /tmp/config.json)" \
    '.layers |= $lower[0].layers[:$layers] + .[1:] | .config.digest = $config | .config.size = $size' "/tmp/$1.json" >/tmp/manifest.json
  keep_blob /tmp/config.json
  keep_blob /tmp/manifest.json
  jq --null-input --arg digest "sha256:$(sha256 /tmp/manifest.json)" --argjson size "$(stat -c %s /tmp/manifest.json)" --arg image "$4" \
    '{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $digest, size: $size,
      annotations: {"io.containerd.image.name": $image}}'
}

stored_kib() { du --summarize --block-size=1K "$volume/gatun/layers" | cut --fields=1; }

# unpack_on_other_bases: unpacks two other images whose layers are all stored already, once with ctr, which does not name the
# wanted layer, and once in order, which does. As elsewhere, the daemons have unpacked a smaller image before, and work left over
# from one image must not be measured with the next.
unpack_on_other_bases() {
  local before busy
  unpack_in_order "$warming_on_other_base" >/dev/null
  before=$(stored_kib)
  unpack large:on-1
  record other_base "$wall" s
  sync --file-system "$volume"
  come_to_rest
  record other_base_pulled "$(unpack_in_order large:on-2)" s
  record other_base_stored "$(($(stored_kib) - before))" KiB
  require_tars large:on-1
  require_tars large:on-2
}

# unpack_in_order IMAGE: unpacks as in a pull, and prints the seconds from the first Prepare to the last Commit.
unpack_in_order() { "$testbed" unpack-in-order --containerd "$containerd_socket" "$1"; }

# check_content: measures fsck of all layers on the disk, and for comparison the hashing of their tars alone.
check_content() {
  local begin
  forget_files
  begin=$EPOCHREALTIME
  "$gatun" fsck --content --root "$volume/gatun" >/dev/null
  record content_check "$(seconds_between "$begin" "$EPOCHREALTIME")" s
  forget_files
  begin=$EPOCHREALTIME
  sha256sum "$volume"/gatun/layers/*/tar >/dev/null
  record content_hash "$(seconds_between "$begin" "$EPOCHREALTIME")" s
}

unpack_and_use() {
  begin_run
  unpack_and_stay warm
  if [[ $subject == large ]]; then
    [[ $contender != gatun-indexed* ]] || unpack_on_other_bases
    # The image of large files has no shell.
    use_image
  fi
  stop_daemons
  [[ $subject != large || $contender != gatun-indexed ]] || check_content
  umount --recursive "$volume"
  end_run
}

bench_indexed() {
  local subject contender contenders round warming_image=demo:latest warming_on_other_base=demo:on-large
  keep_content "$small_image" "$warming_image"
  keep_content "$large_image" large:latest big:latest
  keep_other_bases
  present overlayfs gatun-unsynced gatun-indexed-unsynced gatun gatun-indexed gatun-background
  for subject in large big; do
    prepare_subject
    for ((round = 1; round <= rounds; round++)); do
      for contender in $(take_turns "${contenders[@]}" floor); do
        if [[ $contender == floor ]]; then measure_floor; else unpack_and_use; fi
      done
      progress
    done
  done
  rm -rf "$content_kept" /tmp/tars
  keep_content "$small_image" "$warming_image"
  keep_content "$large_image" large:latest
  remove_by "removal of large" large:latest overlayfs gatun gatun-indexed
  start_registries
  present overlayfs gatun-indexed gatun-indexed-unsynced
  subject=large
  for ((round = 1; round <= rounds; round++)); do
    for contender in $(take_turns "${contenders[@]}"); do
      pull_once warm
      pull_for_pods_once
    done
    progress
  done
}
