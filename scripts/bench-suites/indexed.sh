# Layers that are kept as their tars: what unpacking them takes, using them, and removing them.
# shellcheck shell=bash

for part in unpack pull remove; do
  # shellcheck disable=SC1090
  source "$project/scripts/bench-suites/$part.sh"
done

filesystems_default=(ext4)

# No unpacking to one file can do without these.
floor_parts=(decompress sha256 write)

# forget_files: what is read next comes from the disk.
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

# measure_reading TEMPERATURE: of all files.
measure_reading() {
  local begin=$EPOCHREALTIME
  read_into_memory "$image_mounted"
  record "$1_read" "$(seconds_between "$begin" "$EPOCHREALTIME")" s
}

# What a container may have in memory, its page cache included, when it is limited.
limited_mib=256

# measure_limited: a container with little memory that reads all files.
measure_limited() {
  local begin=$EPOCHREALTIME
  run_ctr run --rm --snapshotter "$snapshotter" --cgroup "$(sandbox_cgroup)/$contender" --memory-limit $((limited_mib << 20)) \
    "$subject:latest" "$contender" /bin/sh -c 'find / -xdev -type f -exec cat {} + >/dev/null' >/dev/null
  record limited_read "$(seconds_between "$begin" "$EPOCHREALTIME")" s
}

# use_image: a container of it and then all its files, each with nothing of them in memory, and once more; and a container with
# little memory.
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

unpack_and_use() {
  begin_run
  unpack_and_stay warm
  # There is no shell among large files.
  [[ $subject != large ]] || use_image
  stop_all
  end_run
}

bench_indexed() {
  local subject contender contenders round warming_image=demo:latest
  keep_content "$small_image" "$warming_image"
  keep_content "$large_image" large:latest big:latest
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
}
