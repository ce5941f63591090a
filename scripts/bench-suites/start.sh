# From exec to the first answer, and how much memory is resident. The programs are in the page cache.
# shellcheck shell=bash

filesystems_default=(ext4)

launch() {
  local command=("$gatun" serve)
  [[ $contender == gatun ]] || command=("$testbed" peer)
  begin_run
  fresh_volume 4G
  mkdir -p "$(dirname "$gatun_socket")"
  "$testbed" launch --address "$gatun_socket" -- \
    "${command[@]}" --address "$gatun_socket" --root "$volume/root" --driver overlay 2>/tmp/launched >/tmp/measured || {
    tail -n 20 /tmp/launched >&2
    die "$contender could not be launched"
  }
  record_lines </tmp/measured
  umount "$volume"
  end_run
}

bench_start() {
  local contender round subject=overlay
  # Once for the page cache.
  "$gatun" version >/dev/null
  "$testbed" calibrate >/dev/null
  for ((round = 1; round <= rounds; round++)); do
    for contender in $(take_turns gatun peer); do launch; done
    progress
  done
}
