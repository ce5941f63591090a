# The influence of the number of snapshots and of the length of chains. The disk is in memory, so that the figures are about the
# snapshotters, and 100,000 snapshots can be created in time.
# shellcheck shell=bash

filesystems_default=(ext4)
sizes_full=(1000 10000)
sizes_quick=(1000)

# Creating so many takes minutes, so each contender creates them once, for all rounds.
crowd_full=100000
crowd_quick=10000

# With fewer, concurrent compilation by the JVM makes some launches a third faster than others.
lives_measured=3000

# The number of lists and restarts in a round, of which the median is recorded. A short list takes milliseconds, so that any
# disturbance counts.
lists_min=5
listed_min=25000
restarts=3

# ask_at_size COUNT: measures one client's lives and a list of everything, with that many snapshots.
ask_at_size() {
  local line word step number begin listed
  subject="$1 snapshots"
  "$testbed" load --address "$gatun_socket" --clients 1 --lives "$lives_measured" >/tmp/measured
  while read -r line; do
    step=${line%% *}
    for word in $line; do
      case $word in
        lives_per_second=*) record lives "${word#*=}" /s ;;
        p50_us=*) record "$step"_p50 "${word#*=}" us ;;
      esac
    done
  done </tmp/measured
  for ((number = 1; number <= lists_min || number * $1 <= listed_min; number++)); do
    begin=$EPOCHREALTIME
    listed=$("$testbed" list --address "$gatun_socket" | wc -l)
    say "list $(seconds_between "$begin" "$EPOCHREALTIME") s"
    ((listed == $1)) || die "$contender lists $listed snapshots, not $1"
  done >/tmp/measured
  record_medians </tmp/measured
}

# configure: writes Gatun's configuration and sets $gatun_arguments.
configure() {
  gatun_arguments=(--driver overlay)
  if [[ $contender == gatun ]]; then
    printf 'metadata_entries_max = 200000\n' >/tmp/gatun.toml
    gatun_arguments+=(--config /tmp/gatun.toml)
  fi
}

start_for_scale() {
  local gatun_arguments
  configure
  backend=$contender start_gatun "$volume/root" "${gatun_arguments[@]}"
}

measure_restarts() {
  local command number gatun_arguments
  configure
  case $contender in
    gatun) command=("$gatun" serve) ;;
    peer) command=("$testbed" peer) ;;
  esac
  for ((number = 1; number <= restarts; number++)); do
    "$testbed" launch --burst 0 --address "$gatun_socket" -- \
      "${command[@]}" --address "$gatun_socket" --root "$volume/root" "${gatun_arguments[@]}" 2>/tmp/launched || {
      tail -n 20 /tmp/launched >&2
      die "$contender could not be launched"
    }
  done >/tmp/measured
  sed -n 's/^answered_s/restart/p' /tmp/measured | record_medians
}

# fill_up FIRST COUNT: adds snapshots up to that count.
fill_up() {
  local begin=$EPOCHREALTIME
  "$testbed" fill --address "$gatun_socket" --first "$1" --count $(($2 - $1))
  subject="$2 snapshots"
  record fill "$(seconds_between "$begin" "$EPOCHREALTIME")" s
}

measure_sizes() {
  local count there=0
  subject=snapshots
  begin_run
  volumes=/tmp/disks fresh_volume 8G
  touch_memory 1000
  start_for_scale
  warm_up
  for count in "${sizes[@]}"; do
    fill_up "$there" "$count"
    there=$count
    ask_at_size "$count"
  done
  subject=chains
  "$testbed" chain --address "$gatun_socket" >/tmp/measured
  record_lines </tmp/measured
  stop_all
  end_run
}

make_crowd() {
  subject=crowd
  begin_run
  volume=/tmp/crowds/$contender$build_mark volumes=/tmp/disks fresh_volume 8G
  enter_crowd
  start_for_scale
  fill_up 0 "$crowd"
  stop_all
  end_run
}

enter_crowd() {
  mkdir -p "$volume"
  mount --bind "/tmp/crowds/$contender$build_mark" "$volume"
}

measure_crowd() {
  subject=crowd
  begin_run
  enter_crowd
  touch_memory 1000
  subject="$crowd snapshots"
  measure_restarts
  start_for_scale
  warm_up
  ask_at_size "$crowd"
  stop_all
  end_run
}

bench_scale() {
  local contender round=1 subject sizes=("${sizes_full[@]}") crowd=$crowd_full
  mkdir -p /tmp/disks
  mount -t tmpfs -o size=90% tmpfs /tmp/disks
  [[ $size != quick ]] || sizes=("${sizes_quick[@]}") crowd=$crowd_quick
  for contender in $(builds_of gatun peer); do make_crowd; done
  for ((round = 1; round <= rounds; round++)); do
    for contender in $(take_turns gatun peer); do measure_sizes; done
    for contender in $(take_turns gatun peer); do measure_crowd; done
    progress
  done
  umount /tmp/crowds/* /tmp/disks
}
