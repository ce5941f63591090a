# A sandbox, in which a script can mount, start daemons and run containers without leaving anything behind.
#
# The script runs again in mount and PID namespaces of its own. However its first process ends, the kernel then kills all other
# processes, and removes the mounts and loop devices (autoclear) with the last of them. One directory and the cgroups of
# containers
# remain; the outer script removes them, or else the next one.
# shellcheck shell=bash

# enter_sandbox ARGUMENT...: to be called with the script's own arguments before it does anything else. Returns only inside the
# sandbox. There, /tmp and /run are private; scratch files go to /tmp. A sandbox within another is in the outer one's directory.
#
# With GATUN_SANDBOX_MEMORY set, /tmp is an ext4 in memory if there is enough memory: a disk that discards the blocks of deleted
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
    # The resolver's configuration is often a link into /run.
    cp -L /etc/resolv.conf /tmp/resolv.conf
    mount -t tmpfs -o mode=755 tmpfs /run
    [[ -e /etc/resolv.conf ]] || install -D -m 644 /tmp/resolv.conf "$(readlink -m /etc/resolv.conf)"
    # The private /tmp may have hidden the working directory.
    cd "$PWD" 2>/dev/null || cd "$project"
    trap 'exit 143' TERM
    trap 'exit 130' INT
    return
  fi
  local outside held status=0 place=${GATUN_OUTER_SANDBOX:-${GATUN_SCRATCH:-/var/tmp}}
  sweep "$place"
  # Not below /tmp, which may be a small tmpfs, and which the private one hides.
  outside=$(mktemp -d "$place/gatun-sandbox.XXXXXX")
  exec {held}<"$outside"
  flock --shared "$held"
  chmod 1777 "$outside"
  # If a signal that cannot be caught kills this shell, the sandbox ends too.
  GATUN_SANDBOX=$outside setpriv --pdeathsig KILL \
    unshare --mount --propagation private --pid --fork --kill-child --mount-proc -- "$0" "$@" <&0 &
  local child=$!
  # unshare itself ignores catchable signals while it waits.
  trap 'kill -KILL $child' INT TERM HUP
  wait "$child" || status=$?
  trap - INT TERM HUP
  # Killed processes take a moment to end, and hold the lock until then.
  exec {held}<&-
  flock --exclusive --timeout 10 "$outside" true || true
  clean_up "$outside"
  exit "$status"
}

# Tests use up to four gigabytes, besides the memory of their processes.
has_memory() { (($(awk '$1 == "MemAvailable:" { print int($2 / 1024 / 1024) }' /proc/meminfo) >= 10)); }

# mount_memory: mounts an ext4 in memory on the sandbox's directory.
mount_memory() {
  mount -t tmpfs -o size=75% tmpfs "$sandbox"
  truncate --size 16G "$sandbox/image"
  mkfs.ext4 -q -F -m 0 -i 8192 -E lazy_itable_init=1,lazy_journal_init=1,nodiscard "$sandbox/image"
  # Returns the blocks of deleted files, and never writes unused tables.
  mount -t ext4 -o loop,discard,noinit_itable "$sandbox/image" "$sandbox"
  chmod 1777 "$sandbox"
}

# keep_visible: binds directories below /tmp that a script needs, such as a clone, into the private /tmp.
keep_visible() {
  local directory
  for directory in "$project" "$HOME" "${XDG_CACHE_HOME:-}" "${GATUN_SCRATCH:-}" "${GATUN_BENCH_RESULTS:-}" \
    "${GATUN_JAVA_HOME:-}" "${JAVA_HOME:-}"; do
    [[ $directory == /tmp/* && -d $directory && ! $sandbox/${directory#/tmp/} -ef $directory ]] || continue
    mkdir -p "$sandbox/${directory#/tmp/}"
    mount --rbind "$directory" "$sandbox/${directory#/tmp/}"
  done
}

# clean_up OUTSIDE: removes what the kernel does not.
clean_up() {
  local inner
  for inner in "$1"/gatun-sandbox.* "$1"; do
    find /sys/fs/cgroup -depth -type d -path "*/${inner##*/}*" -exec rmdir {} + 2>/dev/null || true
  done
  rm -rf --one-file-system "$1"
}

# sweep PLACE: cleans up after killed scripts. Sandboxes in use are locked, except for an instant after their creation.
sweep() {
  local outside
  while read -r outside; do
    ! flock --exclusive --nonblock "$outside" true || clean_up "$outside"
  done < <(find "$1" -maxdepth 1 -type d -name 'gatun-sandbox.*' -mmin +1)
}

# Prints the cgroup of this sandbox's containers.
sandbox_cgroup() { printf '/%s' "${sandbox##*/}"; }
