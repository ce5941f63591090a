# Fresh filesystems in sparse files on loop devices.
# shellcheck shell=bash

# volume_prefix: prints the prefix of volumes' file names. It identifies the scripts that own a volume, since the kernel shows the
# file of a loop device with its path inside the sandbox.
volume_prefix() {
  local place=${GATUN_SCRATCH:-}
  printf 'volume%s' "${place//\//_}"
}

# make_volume TYPE SIZE DIRECTORY: mounts an empty filesystem. Its loop device is removed with the mount. Its file is in $volumes,
# if set, else in /tmp.
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
