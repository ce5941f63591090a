# From exec to the first answer, and resident memory. The programs are in the page cache.
# shellcheck shell=bash

filesystems_default=(ext4)

# install: copies Gatun to a second directory without the file of `gatun train`.
install() {
  untrained=/tmp/untrained$build_mark
  [[ ! -d $untrained ]] || return 0
  cp -a "${gatun%/bin/gatun}" "$untrained"
  rm -f "$untrained/lib/gatun.aot"
  # Brings the programs into the page cache.
  "$gatun" version >/dev/null
  "$untrained/bin/gatun" version >/dev/null
}

# The number of launches in a round, of which the median is recorded. The last one gets a burst.
launches=5

launch() {
  local command number burst untrained
  choose_build
  install
  case $contender in
    gatun) command=("$gatun" serve) ;;
    gatun-untrained) command=("$untrained/bin/gatun" serve) ;;
    peer) command=("$testbed" peer) ;;
  esac
  begin_run
  fresh_volume 4G
  touch_memory 500
  mkdir -p "$(dirname "$gatun_socket")"
  for ((number = 1; number <= launches; number++)); do
    ((number == launches)) && burst=1000 || burst=0
    "$testbed" launch --burst $burst --address "$gatun_socket" -- \
      "${command[@]}" --address "$gatun_socket" --root "$volume/root$number" --driver overlay 2>/tmp/launched || {
      tail -n 20 /tmp/launched >&2
      die "$contender could not be launched"
    }
  done >/tmp/measured
  record_medians </tmp/measured
  umount "$volume"
  end_run
}

bench_start() {
  local contender round subject=overlay
  for ((round = 1; round <= rounds; round++)); do
    for contender in $(take_turns gatun gatun-untrained peer); do launch; done
    progress
  done
}
