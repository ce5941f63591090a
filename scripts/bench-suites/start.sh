# From exec to the first answer, and how much memory is resident. The programs are in the page cache.
# shellcheck shell=bash

filesystems_default=(ext4)

# install: Gatun as it is built, and another after `gatun train`, which makes starts faster.
install() {
  untrained=/tmp/untrained trained=/tmp/trained
  [[ ! -d $untrained ]] || return 0
  cp -a "$project/server/target/gatun" "$untrained"
  rm -f "$untrained/lib/gatun.aot"
  cp -a "$untrained" "$trained"
  contenders=(gatun peer)
  if "$trained/bin/gatun" train >/tmp/training 2>&1; then
    contenders=(gatun gatun-trained peer)
  else
    leave_out gatun-trained "$(tail -n 1 /tmp/training)"
  fi
  # Once for the page cache.
  "$untrained/bin/gatun" version >/dev/null
}

launch() {
  local command
  case $contender in
    gatun) command=("$untrained/bin/gatun" serve) ;;
    gatun-trained) command=("$trained/bin/gatun" serve) ;;
    peer) command=("$testbed" peer) ;;
  esac
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
  install
  for ((round = 1; round <= rounds; round++)); do
    for contender in $(take_turns "${contenders[@]}"); do launch; done
    progress
  done
}
