# Prepare with the native driver, which copies the parent.
# shellcheck shell=bash

filesystems_default=(ext4 xfs btrfs)

source_tree=/tmp/source

# make_source: the image's files in one tree.
make_source() {
  make_volume ext4 16G /tmp/store
  start_registry "$large_image"
  start_containerd /tmp/store/containerd
  run_ctr images pull --plain-http "$registry/large:latest" >/dev/null
  local top
  # The one committed snapshot that is no other's parent.
  top=$(run_ctr snapshots ls | awk 'NR > 1 { name[$1]; parent[$2] } END { for (n in name) if (!(n in parent)) print n }')
  mkdir "$source_tree"
  run_ctr snapshots view source "$top"
  LIBMOUNT_FORCE_MOUNT2=always $(run_ctr snapshots mounts "$source_tree" source)
  say "parent: $(find "$source_tree" | wc -l) files, $(du -s --block-size=1M "$source_tree" | cut -f 1) MiB"
}

# fill DIRECTORY: lays the files there and lets the disk come to rest.
fill() {
  tar --create --directory "$source_tree" --xattrs --xattrs-include='*' --sparse . |
    tar --extract --directory "$1" --xattrs --xattrs-include='*' --sparse
  sync --file-system "$volume"
}

# commit_tree NAME DIRECTORY: a committed snapshot of what is there.
commit_tree() {
  local name=$1 source_tree=$2 directory
  read -r _ directory < <("$testbed" prepare --address "$gatun_socket" "$name-key")
  fill "$directory"
  "$testbed" commit --address "$gatun_socket" "$name" "$name-key"
}

copy_by_daemon() {
  local seconds directory
  start_gatun "$volume/root" --driver native
  commit_tree parent "$source_tree"
  if [[ $temperature == warm ]]; then
    commit_tree small "$source_tree/usr/share"
    "$testbed" prepare --address "$gatun_socket" --parent small warm >/dev/null
  fi
  sync --file-system "$volume"
  read -r seconds directory < <("$testbed" prepare --address "$gatun_socket" --parent parent child)
  assert_copied "$directory"
  stop gatun
  say "$seconds"
}

copy_by_gatun() { backend=gatun copy_by_daemon; }
copy_by_containerd() { backend=peer copy_by_daemon; }

copy_by_cp() {
  mkdir "$volume/parent" "$volume/child"
  fill "$volume/parent"
  local begin=$EPOCHREALTIME
  (
    cd "$volume/parent"
    find . -maxdepth 2 -type d -print0 | (cd "$volume/child" && xargs -0 mkdir -p)
    { find . -mindepth 1 -maxdepth 2 ! -type d -print0 && find . -mindepth 3 -maxdepth 3 -print0; } |
      xargs -0 -P 2 -n 64 cp -a --reflink=auto --parents -t "$volume/child"
  )
  local end=$EPOCHREALTIME
  assert_copied "$volume/child"
  seconds_between "$begin" "$end"
}

assert_copied() {
  local copied
  copied=$(find "$1" | wc -l)
  ((copied >= source_files)) || die "only $copied of $source_files files were copied"
}

# copy_on_fresh_volume RESULTS: adds what the contender takes.
copy_on_fresh_volume() {
  local -n results=$1
  touch_memory
  make_volume "$filesystem" 8G "$volume"
  results[$contender]+="$("copy_by_$contender")"$'\n'
  umount "$volume"
}

bench_copy() {
  make_source
  source_files=$(find "$source_tree" | wc -l)
  local filesystem round contender temperature=warm
  local -A seconds cold
  for filesystem in "${filesystems[@]}"; do
    cold=()
    for contender in gatun containerd cp; do seconds[$contender]=; done
    temperature=cold
    for contender in gatun containerd; do
      copy_on_fresh_volume cold
    done
    temperature=warm
    for ((round = 1; round <= rounds; round++)); do
      for contender in $(take_turns gatun containerd cp); do
        copy_on_fresh_volume seconds
      done
      say "filesystem=$filesystem round=$round" \
        "$(for contender in gatun containerd cp; do printf '%s_s=%s ' "$contender" "$(tail -n 1 <<<"${seconds[$contender]%$'\n'}")"; done)"
    done
    local gatun_median containerd_median cp_median
    gatun_median=$(median <<<"${seconds[gatun]%$'\n'}")
    containerd_median=$(median <<<"${seconds[containerd]%$'\n'}")
    cp_median=$(median <<<"${seconds[cp]%$'\n'}")
    say "filesystem=$filesystem median gatun_s=$gatun_median containerd_s=$containerd_median cp_s=$cp_median" \
      "gatun_cold_s=${cold[gatun]%$'\n'} containerd_cold_s=${cold[containerd]%$'\n'}" \
      "times_as_fast_as_containerd=$(ratio "$containerd_median" "$gatun_median")" \
      "times_as_long_as_cp=$(ratio "$gatun_median" "$cp_median")"
  done
}
