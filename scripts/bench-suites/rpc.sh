# Lives of empty snapshots, from Prepare to Remove.
#
# Both sides sync: Gatun with its defaults, the peer with containerd's own bolt, which syncs each transaction.
# shellcheck shell=bash

filesystems_default=(ext4)

# The first lives of a daemon that was just started are measured too.
lives_just_started=500

# The number of measured lives by the number of clients: enough that a few slow flushes of the disk do not matter.
declare -A lives_measured=([1]=1500 [4]=1500 [16]=4000)

# measure_lives CLIENTS LIVES
measure_lives() {
  local line word step ticks
  ticks=$(cpu_ticks "${daemons[@]}")
  "$testbed" load --address "$gatun_socket" --clients "$1" --lives $(($2 / $1)) >/tmp/measured
  record life_cpu "$(awk -v spent="$(spent_since "$ticks")" -v lives="$2" 'BEGIN { printf "%.0f", 1e6 * spent / lives }')" us
  while read -r line; do
    step=${line%% *}
    for word in $line; do
      case $word in
        lives_per_second=*) record lives "${word#*=}" /s ;;
        p50_us=*) record "$step"_p50 "${word#*=}" us ;;
        p99_us=*) record "$step"_p99 "${word#*=}" us ;;
      esac
    done
  done </tmp/measured
}

# subject_by CLIENTS
subject_by() {
  subject="$driver by $1 clients"
  [[ $1 != 1 ]] || subject="$driver by 1 client"
}

measure_just_started() {
  local round=0
  measure_lives 1 $lives_just_started
}

run_lives() {
  local clients
  subject=$driver
  begin_run
  fresh_volume 4G
  touch_memory 500
  backend=$contender start_gatun "$volume/root" --driver "$driver"
  daemons=("${pids[gatun]}")
  subject_by 1
  measure_just_started
  warm_up
  # One client comes last: the code that it waits for takes the JVM the most calls to optimise.
  for clients in 16 4 1; do
    subject_by "$clients"
    measure_lives "$clients" "${lives_measured[$clients]}"
  done
  subject=$driver
  stop_all
  end_run
}

# Launches of a JVM differ by a tenth under the same load, so there are more rounds.
bench_rpc() {
  local driver contender round subject rounds=$((2 * rounds - 1))
  for ((round = 1; round <= rounds; round++)); do
    for driver in overlay native; do
      for contender in $(take_turns gatun peer); do run_lives; done
    done
    progress
  done
}
