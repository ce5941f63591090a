# Prepare with the native driver, which copies the parent. The parent was just written, so it is in the page cache.
# shellcheck shell=bash

filesystems_default=(ext4 xfs btrfs)

source_tree=/tmp/source

# make_source: mounts an image's files as one tree.
make_source() {
  local top
  make_volume ext4 16G /tmp/store
  keep_content "$large_image" large:latest
  own_differ=no proxy_plugins=()
  mkdir -p "$volume"
  mount --bind /tmp/store "$volume"
  lay_out_content
  start_containerd "$volume/containerd"
  run_ctr snapshots unpack "$(digest_of large:latest)" >/dev/null
  # The only committed snapshot that is not a parent.
  top=$(run_ctr snapshots ls | awk 'NR > 1 { name[$1]; parent[$2] } END { for (n in name) if (!(n in parent)) print n }')
  mkdir "$source_tree" /tmp/image
  run_ctr snapshots view source "$top"
  # shellcheck disable=SC2046
  LIBMOUNT_FORCE_MOUNT2=always $(run_ctr snapshots mounts /tmp/image source)
  # A part of the image is as representative and takes less time.
  mount --bind "/tmp/image/$source_part" "$source_tree"
  stop containerd >/dev/null || true
  umount --recursive "$volume"
}

# The part of the image that is copied, and the part below it that daemons copy first.
source_part=usr/share
warming_part=perl

# fill DIRECTORY: copies the files there, and syncs.
fill() {
  tar --create --directory "$source_tree" --xattrs --xattrs-include='*' --sparse . |
    tar --extract --directory "$1" --xattrs --xattrs-include='*' --sparse
  sync --file-system "$volume"
}

# The number of copies per round, of which the median is recorded. A daemon that was just started copies once.
declare -A copies_of=([cold]=1 [warm]=2)

# commit_tree NAME DIRECTORY: commits a snapshot with the files of the directory.
commit_tree() {
  local name=$1 source_tree=$2 directory
  read -r _ directory < <("$testbed" prepare --address "$gatun_socket" "$name-key")
  fill "$directory"
  "$testbed" commit --address "$gatun_socket" "$name" "$name-key"
}

copy_by_daemon() {
  local seconds directory number ticks options=()
  if [[ $1 == gatun && $temperature == cold ]]; then
    say 'warm_up = false' >/tmp/gatun.toml
    options=(--config /tmp/gatun.toml)
  fi
  backend=$1 start_gatun "$volume/root" --driver native "${options[@]}"
  daemons=("${pids[gatun]}")
  commit_tree parent "$source_tree"
  if [[ $temperature == warm ]]; then
    await_warm
    commit_tree small "$source_tree/$warming_part"
    "$testbed" prepare --address "$gatun_socket" --parent small warm >/dev/null
  fi
  for ((number = 1; number <= copies_of[$temperature]; number++)); do
    sync --file-system "$volume"
    touch_memory 1000
    ticks=$(cpu_ticks "${daemons[@]}")
    read -r seconds directory < <("$testbed" prepare --address "$gatun_socket" --parent parent "child$number")
    say "cpu $(spent_since "$ticks") s"
    say "prepare $seconds s"
    assert_copied "$directory"
  done >/tmp/measured
  record_medians </tmp/measured
  stop_all
}

copy_by_cp() {
  local number child wall cpu
  mkdir "$volume/parent"
  fill "$volume/parent"
  for ((number = 1; number <= copies_of[$temperature]; number++)); do
    child=$volume/child$number
    mkdir "$child"
    sync --file-system "$volume"
    touch_memory 1000
    measure_in_shell copy_tree "$volume/parent" "$child"
    say "prepare $wall s"
    say "cpu $cpu s"
    assert_copied "$child"
  done >/tmp/measured
  record_medians </tmp/measured
  umount "$volume"
}

# copy_tree DIRECTORY COPY: copies with two processes.
copy_tree() {
  (
    cd "$1"
    find . -maxdepth 2 -type d -print0 | (cd "$2" && xargs -0 mkdir -p)
    { find . -mindepth 1 -maxdepth 2 ! -type d -print0 && find . -mindepth 3 -maxdepth 3 -print0; } |
      xargs -0 -P 2 -n 64 cp -a --reflink=auto --parents -t "$2"
  )
}

assert_copied() {
  local copied
  copied=$(find "$1" | wc -l)
  ((copied >= source_files)) || die "$contender copied only $copied of $source_files files"
}

copy_once() {
  temperature=$1
  begin_run
  fresh_volume 8G
  case $contender in
    gatun) copy_by_daemon gatun ;;
    containerd) copy_by_daemon peer ;;
    cp) copy_by_cp ;;
  esac
  end_run
}

bench_copy() {
  local round=0 contender temperature subject source_files
  [[ -d $source_tree ]] || make_source
  source_files=$(find "$source_tree" | wc -l)
  subject="$source_part of large"
  for contender in $(builds_of gatun containerd); do copy_once cold; done
  for ((round = 1; round <= rounds; round++)); do
    for contender in $(take_turns gatun containerd cp); do copy_once warm; done
    progress
  done
}
