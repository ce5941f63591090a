# Fresh filesystems in sparse files on loop devices.
# shellcheck shell=bash

# volume_prefix: how the files of volumes are called. The kernel knows the file of a loop device by the path that it has within
# the sandbox, so its name says which scripts it belongs to.
volume_prefix() {
  local place=${GATUN_SCRATCH:-}
  printf 'volume%s' "${place//\//_}"
}

# make_volume TYPE SIZE DIRECTORY: an empty filesystem, mounted. Its loop device goes away with the mount. Its file lies in
# $volumes, if that is set.
make_volume() {
  local type=$1 size=$2 directory=$3 file
  mkdir -p "$directory"
  file=$(mktemp "${volumes:-/tmp}/$(volume_prefix).XXXXXX")
  truncate -s "$size" "$file"
  case $type in
    ext4) mkfs.ext4 -q -F "$file" ;;
    ext4-nojournal) mkfs.ext4 -q -F -O ^has_journal "$file" ;;
    xfs) mkfs.xfs -q -f -m reflink=1 "$file" ;;
    btrfs) mkfs.btrfs -q -f "$file" ;;
    *) die "unknown filesystem $type" ;;
  esac
  mount -o loop "$file" "$directory"
  # The mount holds the file.
  rm "$file"
}
