# Daemons that a script starts under a name. Their output goes to $logs/NAME.log.
# shellcheck shell=bash

declare -gA pids=()
logs=${logs:-/tmp/logs}

# start NAME COMMAND...
start() {
  local name=$1
  shift
  mkdir -p "$logs"
  : >>"$logs/$name.log"
  "$@" </dev/null >>"$logs/$name.log" 2>&1 &
  pids[$name]=$!
}

is_running() { kill -0 "${pids[$1]:-0}" 2>/dev/null && [[ -n ${pids[$1]:-} ]]; }

# stop NAME [SIGNAL]: sends the signal (TERM), waits for the end and returns the exit status. A daemon that does not stop within
# 30 seconds is killed, which shows in the status.
stop() {
  local name=$1 signal=${2:-TERM} pid
  pid=${pids[$name]:?was not started}
  unset "pids[$name]"
  kill -s "$signal" "$pid" 2>/dev/null || true
  timeout 30 tail --pid="$pid" --sleep-interval=0.02 -f /dev/null || kill -KILL "$pid"
  wait "$pid"
}

# show_log NAME [LINES]
show_log() {
  [[ -e $logs/$1.log ]] || return 0
  warn "--- end of $1.log"
  tail -n "${2:-40}" "$logs/$1.log" >&2
}
