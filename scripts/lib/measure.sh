# Measuring: rows of results, turns, and what else the machine was doing.
#
# A suite writes rows to $results/results.csv, one value each:
#
#   suite,filesystem,subject,contender,round,metric,value,unit
#
# The subject is the common input of the contenders, such as an image. Round 0 measures a daemon that has done no work yet, and
# is not part of the medians. For units ending in "/s" more is better, for others less.
# shellcheck shell=bash

volume=/tmp/volume
results_header=suite,filesystem,subject,contender,round,metric,value,unit

# record METRIC VALUE UNIT: adds a row for $suite, $filesystem, $subject, $contender and $round.
record() {
  printf '%s,%s,%s,%s,%s,%s,%s,%s\n' "$suite" "$filesystem" "$subject" "$contender$build_mark" "$round" "$@" >>"$results/results.csv"
}

# record_lines [PREFIX]: adds a row for each input line "METRIC VALUE UNIT".
record_lines() {
  local metric value unit
  while read -r metric value unit; do record "${1:-}$metric" "$value" "$unit"; done
}

# record_medians: adds a row with the median of each metric in such lines.
record_medians() {
  sort --key=1,1 --key=2,2g |
    awk 'function end() { if (count) print metric, (values[int((count + 1) / 2)] + values[int(count / 2) + 1]) / 2, unit; count = 0 }
      $1 != metric { end() }
      { metric = $1; unit = $3; values[++count] = $2 }
      END { end() }' |
    record_lines
}

# seconds_between BEGIN END: prints the difference of two values of $EPOCHREALTIME.
seconds_between() { awk -v then="$1" -v now="$2" 'BEGIN { printf "%.4f", now - then }'; }

# --- turns, and the builds of Gatun that take them

# The build of this clone.
built=$project/server/target/gatun

# A suffix of the contender's name in the results, for the build that --against names.
build_mark=

# builds_of NAME...: the names; with --against, those of Gatun alone, each as NAME@this and NAME@against. Which of the two is the
# first changes with each $round.
builds_of() {
  local name
  for name; do
    if [[ -z ${against:-} ]]; then
      say "$name"
    elif [[ $name == gatun* ]]; then
      ((round % 2)) && printf '%s\n' "$name@this" "$name@against" || printf '%s\n' "$name@against" "$name@this"
    fi
  done
}

# take_turns NAME...: prints the names, for both builds, beginning with another one in each $round.
take_turns() {
  local first=$(((round - 1) % $#))
  builds_of "${@:first+1}" "${@:1:first}"
}

# choose_build: sets $gatun to what such a $contender is of, and takes that out of its name. The build stays until another is named.
choose_build() {
  case $contender in
    *@this) gatun=$built/bin/gatun build_mark= ;;
    *@against) gatun=$against/bin/gatun build_mark=@against ;;
  esac
  contender=${contender%@*}
}

# touch_memory MIB: a virtual machine gets its memory from its host at the first touch, and may return free memory within seconds.
# Neither must happen within a measurement, so this runs right before each, with at least one and a half times the amount that
# the measurement writes; the loop device bypasses the page cache. The pages are huge, since large files get memory in large
# pieces
# and would not reuse small ones. All processors touch memory at once, since the host takes its time.
touch_memory() {
  local free_mib touched_mib=$1 toucher touchers=()
  free_mib=$(awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo)
  ((touched_mib <= free_mib / 2)) || touched_mib=$((free_mib / 2))
  mkdir -p /tmp/memory
  mount -t tmpfs -o size=90%,huge=always tmpfs /tmp/memory 2>/dev/null || mount -t tmpfs -o size=90% tmpfs /tmp/memory
  for ((toucher = 0; toucher < $(nproc); toucher++)); do
    head -c "$((touched_mib / $(nproc)))M" /dev/zero >"/tmp/memory/$toucher" &
    touchers+=($!)
  done
  wait "${touchers[@]}"
  umount /tmp/memory
}

# read_into_memory PATH...: reads all files there, so that the page cache is the same for all contenders.
read_into_memory() { find "$@" -type f -exec cat {} + >/dev/null; }

# --- noise

# processor_ticks: prints the total, idle and stolen ticks of all processors since boot.
processor_ticks() { awk '$1 == "cpu" { print $2 + $3 + $4 + $5 + $6 + $7 + $8 + $9, $5 + $6, $9; exit }' /proc/stat; }

# busy_percent: prints how busy the processors are within the next 0.2 s, while this script is idle.
busy_percent() {
  local all idle all_later idle_later _
  read -r all idle _ < <(processor_ticks)
  sleep 0.2
  read -r all_later idle_later _ < <(processor_ticks)
  say $((100 - 100 * (idle_later - idle) / (all_later - all > 0 ? all_later - all : 1)))
}

# The machine has this long to become idle before each run, and an extra budget for all runs, for load from outside.
rest_seconds_max=2
rest_seconds_left=30
[[ -z ${GATUN_BENCH_CHECK:-} ]] || rest_seconds_max=0 rest_seconds_left=0
busy_percent_expected=10

# come_to_rest: waits for an idle machine, and sets $busy to the remaining load.
come_to_rest() {
  local begun=$SECONDS spent
  busy=$(busy_percent)
  while ((busy > busy_percent_expected && SECONDS < begun + rest_seconds_max + rest_seconds_left)); do busy=$(busy_percent); done
  spent=$((SECONDS - begun - rest_seconds_max))
  ((spent <= 0)) || rest_seconds_left=$((rest_seconds_left - spent))
}

# begin_run: starts one measurement of one contender, up to end_run.
begin_run() {
  local busy processors disk
  choose_build
  come_to_rest
  record noise_busy "$busy" %
  read -r processors disk < <("$testbed" calibrate /tmp)
  record noise_calibration "$processors" ms
  record noise_disk "$disk" ms
  read -r ticks_before _ stolen_before < <(processor_ticks)
}

end_run() {
  local ticks _ stolen
  read -r ticks _ stolen < <(processor_ticks)
  record noise_steal "$(awk -v stolen=$((stolen - stolen_before)) -v all=$((ticks - ticks_before)) \
    'BEGIN { printf "%.2f", 100 * stolen / (all + !all) }')" %
}

# fresh_volume SIZE: creates an empty filesystem of the measured type. Its loop device bypasses the page cache, like a disk;
# otherwise all written data, and synced data most of all, would pass through memory twice.
fresh_volume() {
  make_volume "$filesystem" "$1" "$volume"
  losetup --direct-io=on "$(findmnt --noheadings --output SOURCE --mountpoint "$volume")" ||
    warn "the loop device of $volume uses the page cache"
}

# cpu_ticks PID...: prints the CPU ticks of processes and their ended children so far.
cpu_ticks() {
  local pid fields sum=0
  for pid in "$@"; do
    # The name in the second field may contain spaces.
    read -r -a fields < <(sed 's/.*) //' "/proc/$pid/stat")
    sum=$((sum + fields[11] + fields[12] + fields[13] + fields[14]))
  done
  say "$sum"
}

# spent_since TICKS: prints the seconds of CPU time of $daemons since cpu_ticks printed TICKS.
spent_since() {
  awk -v ticks=$(($(cpu_ticks "${daemons[@]}") - $1)) -v hertz="$(getconf CLK_TCK)" 'BEGIN { printf "%.2f", ticks / hertz }'
}

# measure COMMAND...: runs the command with its output in /tmp/measured, and sets $wall and $cpu to its seconds, with the CPU time
# of $daemons included.
measure() {
  local ticks spent client begin end status=0
  ticks=$(cpu_ticks "${daemons[@]}")
  begin=$EPOCHREALTIME
  client=$({ TIMEFORMAT='%U %S' && time "$@" >/tmp/measured 2>&1; } 2>&1) || status=$?
  end=$EPOCHREALTIME
  spent=$(spent_since "$ticks")
  ((status == 0)) || die "$* failed for $contender: $(tail -n 3 /tmp/measured)"
  wall=$(seconds_between "$begin" "$end")
  cpu=$(awk -v spent="$spent" -v client="$client" 'BEGIN { split(client, part, " "); printf "%.2f", spent + part[1] + part[2] }')
}

# measure_in_shell FUNCTION [ARGUMENT...]: sets $wall and $cpu to the seconds of its commands.
measure_in_shell() {
  local times user system
  times=$({ TIMEFORMAT='%R %U %S' && time "$@"; } 2>&1)
  read -r wall user system <<<"$times"
  cpu=$(awk -v a="$user" -v b="$system" 'BEGIN { print a + b }')
}

# stop_all: stops all daemons of a contender but the registries, and unmounts their filesystem.
stop_all() {
  stop_daemons
  umount --recursive "$volume"
}

# stop_and_forget_all: the same, but discards unwritten data, whose writing would disturb the next run. btrfs cannot be shut
# down.
stop_and_forget_all() {
  stop_daemons
  [[ $filesystem == btrfs ]] || "$testbed" forget "$volume"
  umount --recursive "$volume"
}

stop_daemons() {
  local daemon
  for daemon in "${!pids[@]}"; do
    [[ $daemon == *registry ]] || stop "$daemon" >/dev/null 2>&1 || true
  done
}
