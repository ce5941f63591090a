# A place where a script may mount, start daemons and run containers without leaving anything behind.
#
# The script runs again in mount and process name spaces of its own. When its first process ends, however it ends,
# the kernel kills all that it started, and with the last of them go the mounts and the loop devices (autoclear). What is
# left, one directory and the cgroups of containers, is removed from outside.
# shellcheck shell=bash

# enter_sandbox ARGUMENT...: to be called with the script's own arguments before it does anything. Returns inside only.
# Inside, /tmp and /run are private; scratch files go to /tmp.
enter_sandbox() {
  require_root
  if [[ -n ${GATUN_SANDBOX:-} ]]; then
    sandbox=$GATUN_SANDBOX
    unset GATUN_SANDBOX
    mount --bind "$sandbox" /tmp
    # What tells where to ask for names often lies below /run.
    cp -L /etc/resolv.conf /tmp/resolv.conf
    mount -t tmpfs -o mode=755 tmpfs /run
    [[ -e /etc/resolv.conf ]] || install -D -m 644 /tmp/resolv.conf "$(readlink -m /etc/resolv.conf)"
    trap 'exit 143' TERM
    trap 'exit 130' INT
    return
  fi
  local outside status=0
  # Not below /tmp, which may be a small tmpfs, and would be hidden by the private one.
  outside=$(mktemp -d "${GATUN_SCRATCH:-/var/tmp}/gatun.XXXXXX")
  chmod 1777 "$outside"
  GATUN_SANDBOX=$outside unshare --mount --propagation private --pid --fork --kill-child --mount-proc -- "$0" "$@" <&0 &
  local child=$!
  # unshare itself ignores the gentle signals while it waits.
  trap 'kill -KILL $child' INT TERM HUP
  wait "$child" || status=$?
  trap - INT TERM HUP
  rm -rf --one-file-system "$outside"
  find /sys/fs/cgroup -depth -type d -path "*/${outside##*/}*" -exec rmdir {} + 2>/dev/null || true
  exit "$status"
}

# The cgroup below which containers of this sandbox run.
sandbox_cgroup() { printf '/%s' "${sandbox##*/}"; }
