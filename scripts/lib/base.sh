# Sourced first by every script: strict mode, messages and usage.
# shellcheck shell=bash

set -euo pipefail
shopt -s inherit_errexit

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
export LC_ALL=C.UTF-8
umask 022

# use LIBRARY...: reads the named files of this directory.
use() {
  local library
  # shellcheck disable=SC1090
  for library; do source "$project/scripts/lib/$library.sh"; done
}

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() {
  warn "${0##*/}: $*"
  exit 1
}

# Prints the comment at the head of the calling script, which is its usage.
usage() { awk 'NR == 1 { next } !/^#/ { exit } { sub(/^# ?/, ""); print }' "$0"; }

# bad_usage MESSAGE: for arguments that the script does not know.
bad_usage() {
  warn "${0##*/}: $*"
  warn "$(usage)"
  exit 2
}

require_root() { [[ $EUID -eq 0 ]] || die "must be run as root to mount"; }

# require_tools: installs missing packages, unless a calling script has done so. To be called outside of a sandbox.
require_tools() {
  [[ -z ${GATUN_TOOLS:-} ]] || return 0
  "$project/scripts/setup" --quiet >&2
  export GATUN_TOOLS=there
}

# Seconds since a value of EPOCHREALTIME, with one decimal.
seconds_since() { awk -v then="$1" -v now="$EPOCHREALTIME" 'BEGIN { printf "%.1f", now - then }'; }

# await SECONDS WHAT COMMAND...: repeats the command until it succeeds.
await() {
  local seconds=$1 what=$2 deadline
  shift 2
  deadline=$((SECONDS + seconds))
  until "$@"; do
    ((SECONDS < deadline)) || {
      warn "timed out after $seconds s waiting for $what"
      return 1
    }
    sleep 0.05
  done
}
