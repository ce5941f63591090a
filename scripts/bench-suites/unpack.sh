# Unpacking an image whose blobs are in the content store and in the page cache.
# shellcheck shell=bash

filesystems_default=(ext4)
unpacked_images_full=(large big layers large-zstd)
unpacked_images_quick=(large)

# contenders_for IMAGE: igzip does not do zstd and matters little in small layers; containerd's differ on Gatun's snapshots is
# measured once.
contenders_for() {
  case $1 in
    large) say overlayfs overlayfs-igzip gatun-walking gatun gatun-unsynced ;;
    layers | *-zstd) say overlayfs gatun gatun-unsynced ;;
    *) say overlayfs overlayfs-igzip gatun gatun-unsynced ;;
  esac
}

# reference_of SUBJECT: prints large:latest for large, and large:zstd for large-zstd.
reference_of() {
  case $1 in
    *-zstd) say "${1%-zstd}:zstd" ;;
    *) say "$1:latest" ;;
  esac
}

# unpack IMAGE: measures the contender's unpacking.
unpack() {
  local digest
  digest=$(digest_of "$1")
  measure run_ctr snapshots unpack --snapshotter "$snapshotter" "$digest"
}

# unpack_once TEMPERATURE: unpacks the image; warm does so after another, smaller image.
unpack_once() {
  begin_run
  unpack_and_stay "$1"
  stop_all
  end_run
}

# unpack_and_stay TEMPERATURE: the same, but leaves the daemons running.
unpack_and_stay() {
  local temperature=$1 before image begin
  image=$(reference_of "$subject")
  read_blobs_into_memory
  fresh_volume 16G
  lay_out_content
  start_contender "$contender"
  if [[ $temperature == warm ]]; then
    await_warm
    unpack demo:latest
    sync --file-system "$volume"
  fi
  before=$(count_committed)
  touch_memory "$((3 * mib_of[$subject] / 2))"
  unpack "$image"
  record wall "$wall" s
  record cpu "$cpu" s
  (($(count_committed) - before >= ${layers_of[$subject]})) || die "$contender did not unpack $image: $(tail -n 3 /tmp/measured)"
  begin=$EPOCHREALTIME
  sync --file-system "$volume"
  record sync "$(seconds_between "$begin" "$EPOCHREALTIME")" s
  require_tars "$image"
}

# --- the floor: each necessary part of unpacking, alone

# The necessary parts of unpacking to a directory.
floor_parts=(decompress sha256 files)

# The parts of "files": writing as much data to one file, and creating the files empty.
parts_of_files=(write create)

declare -A layers_of=() mib_of=() blobs_in=() tars_in=()

# prepare_floor IMAGE: decompresses the layers into memory.
prepare_floor() {
  local image=$1 blob tar number=0
  mkdir -p "/tmp/tars/$image"
  tars_in[$image]=
  while read -r blob; do
    tar=/tmp/tars/$image/$((number++)).tar
    decompress "$blob" >"$tar"
    tars_in[$image]+="$tar "
    blobs_in[$image]+="$blob "
  done < <(blobs_of "$(reference_of "$image")")
  layers_of[$image]=$number
  mib_of[$image]=$(du --summarize --block-size=1M "/tmp/tars/$image" | cut -f 1)
}

# decompress BLOB...
decompress() {
  case $subject in
    *-zstd) zstd --decompress --quiet --stdout "$@" ;;
    *) igzip --decompress --stdout "$@" ;;
  esac
}

read_blobs_into_memory() {
  # shellcheck disable=SC2086
  read_into_memory ${blobs_in[$subject]} $warming_blobs
}

decompress_all() {
  local blob
  # shellcheck disable=SC2086
  for blob in ${blobs_in[$subject]}; do decompress "$blob" >/dev/null; done
}

# measure_floor [PART...]: measures $floor_parts and those parts on a fresh filesystem, and computes the minimum time of
# $floor_parts together: that of the longest part, or the CPU time of all divided by the number of processors.
measure_floor() {
  local part begin seconds spent floor_wall=0 floor_cpu=0
  contender=floor
  begin_run
  read_blobs_into_memory
  read_into_memory /tmp/tars
  fresh_volume 16G
  for part in "${floor_parts[@]}" "$@"; do
    if [[ $part == decompress ]]; then
      daemons=()
      measure_in_shell decompress_all
      seconds=$wall spent=$cpu
    else
      [[ $part != write && $part != files ]] || touch_memory "$((3 * mib_of[$subject] / 2))"
      # shellcheck disable=SC2086
      read -r seconds spent < <("$testbed" floor --directory "$volume/$part" "$part" ${tars_in[$subject]})
    fi
    contender=floor-$part
    record wall "$seconds" s
    record cpu "$spent" s
    if [[ $part == write ]]; then
      begin=$EPOCHREALTIME
      sync --file-system "$volume"
      record sync "$(seconds_between "$begin" "$EPOCHREALTIME")" s
    fi
    [[ " ${floor_parts[*]} " == *" $part "* ]] || continue
    floor_cpu=$(awk -v a="$floor_cpu" -v b="$spent" 'BEGIN { print a + b }')
    floor_wall=$(awk -v a="$floor_wall" -v b="$seconds" 'BEGIN { print (a > b ? a : b) }')
  done
  contender=floor
  record cpu "$floor_cpu" s
  record wall "$(awk -v longest="$floor_wall" -v work="$floor_cpu" -v processors="$(nproc)" \
    'BEGIN { shared = work / processors; print (longest > shared ? longest : shared) }')" s
  umount "$volume"
  end_run
}

# prepare_subject: prepares the floor of an image; only the tars of one image have to be in memory.
prepare_subject() {
  rm -rf /tmp/tars
  start_containerd "$content_kept"
  prepare_floor "$subject"
  warming_blobs=$(blobs_of demo:latest)
  stop containerd >/dev/null || true
}

bench_unpack() {
  local images contenders subject contender parts round=0
  images=("${unpacked_images_full[@]}")
  [[ $size != quick ]] || images=("${unpacked_images_quick[@]}")
  if [[ ! -d $content_kept ]]; then
    keep_content "$small_image" demo:latest
    # shellcheck disable=SC2046
    keep_content "$large_image" $(for subject in "${images[@]}"; do reference_of "$subject"; done)
  fi
  for subject in "${images[@]}"; do
    prepare_subject
    # shellcheck disable=SC2046
    present $(contenders_for "$subject")
    round=0 parts=()
    # Further images would add no information.
    [[ $subject != large ]] || parts=("${parts_of_files[@]}")
    for contender in $(builds_of overlayfs gatun); do
      # The time of a cold daemon hardly depends on the image, so one image is enough.
      [[ $subject != large ]] || unpack_once cold
    done
    for ((round = 1; round <= rounds; round++)); do
      for contender in $(take_turns "${contenders[@]}" floor); do
        if [[ $contender == floor ]]; then measure_floor "${parts[@]}"; else unpack_once warm; fi
      done
      progress
    done
  done
}
