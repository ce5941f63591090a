# A place where a script may mount, start daemons and run containers without leaving anything behind.
#
# The script runs again in mount and process name spaces of its own. When its first process ends, however it ends,
# the kernel kills all that it started, and with the last of them go the mounts and the loop devices (autoclear). What is
# left, one directory and the cgroups of containers, is removed from outside, at the latest by the next script.
# shellcheck shell=bash

# enter_sandbox ARGUMENT...: to be called with the script's own arguments before it does anything. Returns inside only.
# Inside, /tmp and /run are private; scratch files go to /tmp. A sandbox within another lies in the outer one's directory.
#
# With GATUN_SANDBOX_MEMORY set, /tmp is an ext4 in memory if there is enough of it: a disk that discards the blocks of deleted
# files takes milliseconds for each deleted directory.
enter_sandbox() {
  require_root
  if [[ -n ${GATUN_SANDBOX:-} ]]; then
    sandbox=$GATUN_SANDBOX
    unset GATUN_SANDBOX
    [[ -z ${GATUN_SANDBOX_MEMORY:-} ]] || ! has_memory || mount_memory
    # A sandbox within this one lies in its memory already.
    unset GATUN_SANDBOX_MEMORY
    keep_visible
    mount --rbind "$sandbox" /tmp
    # What tells where to ask for names often lies below /run.
    cp -L /etc/resolv.conf /tmp/resolv.conf
    mount -t tmpfs -o mode=755 tmpfs /run
    [[ -e /etc/resolv.conf ]] || install -D -m 644 /tmp/resolv.conf "$(readlink -m /etc/resolv.conf)"
    # The working directory may be one that the private /tmp has replaced.
    cd "$PWD" 2>/dev/null || cd "$project"
    trap 'exit 143' TERM
    trap 'exit 130' INT
    return
  fi
  local outside held status=0 place=${GATUN_OUTER_SANDBOX:-${GATUN_SCRATCH:-/var/tmp}}
  sweep "$place"
  # Not below /tmp, which may be a small tmpfs, and would be hidden by the private one.
  outside=$(mktemp -d "$place/gatun-sandbox.XXXXXX")
  exec {held}<"$outside"
  flock --shared "$held"
  chmod 1777 "$outside"
  # If a signal that this shell cannot catch kills it, the sandbox ends too.
  GATUN_SANDBOX=$outside setpriv --pdeathsig KILL \
    unshare --mount --propagation private --pid --fork --kill-child --mount-proc -- "$0" "$@" <&0 &
  local child=$!
  # unshare itself ignores the gentle signals while it waits.
  trap 'kill -KILL $child' INT TERM HUP
  wait "$child" || status=$?
  trap - INT TERM HUP
  # What was killed takes a moment to end, and holds the lock until then.
  exec {held}<&-
  flock --exclusive --timeout 10 "$outside" true || true
  clean_up "$outside"
  exit "$status"
}

# Tests use up to four gigabytes, besides what their processes take.
has_memory() { (($(awk '$1 == "MemAvailable:" { print int($2 / 1024 / 1024) }' /proc/meminfo) >= 10)); }

# mount_memory: on the directory of the sandbox.
mount_memory() {
  mount -t tmpfs -o size=75% tmpfs "$sandbox"
  truncate --size 16G "$sandbox/image"
  mkfs.ext4 -q -F -m 0 -i 8192 -E lazy_itable_init=1,lazy_journal_init=1,nodiscard "$sandbox/image"
  # Blocks of deleted files are given back; tables that are not used are not written at all.
  mount -t ext4 -o loop,discard,noinit_itable "$sandbox/image" "$sandbox"
  chmod 1777 "$sandbox"
}

# keep_visible: binds what a script needs and has below /tmp, such as a clone, to the same place of the private /tmp.
keep_visible() {
  local directory
  for directory in "$project" "$HOME" "${XDG_CACHE_HOME:-}" "${GATUN_SCRATCH:-}" "${GATUN_BENCH_RESULTS:-}" \
    "${GATUN_JAVA_HOME:-}" "${JAVA_HOME:-}"; do
    [[ $directory == /tmp/* && -d $directory && ! $sandbox/${directory#/tmp/} -ef $directory ]] || continue
    mkdir -p "$sandbox/${directory#/tmp/}"
    mount --rbind "$directory" "$sandbox/${directory#/tmp/}"
  done
}

# clean_up OUTSIDE: what the kernel does not remove.
clean_up() {
  local inner
  for inner in "$1"/gatun-sandbox.* "$1"; do
    find /sys/fs/cgroup -depth -type d -path "*/${inner##*/}*" -exec rmdir {} + 2>/dev/null || true
  done
  rm -rf --one-file-system "$1"
}

# sweep PLACE: cleans up after scripts that were killed before they could. Sandboxes in use are locked, but for an instant
# after they were made.
sweep() {
  local outside
  while read -r outside; do
    ! flock --exclusive --nonblock "$outside" true || clean_up "$outside"
  done < <(find "$1" -maxdepth 1 -type d -name 'gatun-sandbox.*' -mmin +1)
}

# The cgroup below which containers of this sandbox run.
sandbox_cgroup() { printf '/%s' "${sandbox##*/}"; }
