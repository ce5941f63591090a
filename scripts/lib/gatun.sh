# A Gatun daemon of the script's own, or the peer that stands in for it.
# shellcheck shell=bash

gatun=$project/server/target/gatun/bin/gatun
testbed=$project/scripts/target/testbed
gatun_socket=/run/gatun/gatun.sock

# What serves the socket: gatun, or peer, containerd's own snapshotters. With the peer a script shows that it works itself.
backend=${backend:-gatun}

# start_gatun ROOT [ARGUMENT...]: starts the daemon and waits until it answers. Arguments are those of `gatun serve`.
start_gatun() {
  local root=$1
  shift
  mkdir -p "$(dirname "$gatun_socket")"
  case $backend in
    gatun)
      [[ -x $gatun ]] || die "there is no $gatun: run scripts/build first"
      start gatun "$gatun" serve --address "$gatun_socket" --root "$root" "$@"
      ;;
    peer) start gatun "$testbed" peer --address "$gatun_socket" --root "$root" "$@" ;;
    *) die "unknown backend $backend" ;;
  esac
  # It takes a second or two; a machine that is busy with other things may need much longer.
  await 90 "Gatun to answer" gatun_answers || {
    show_log gatun
    return 1
  }
}

gatun_answers() {
  is_running gatun || return 1
  "$testbed" ping --address "$gatun_socket" 2>/dev/null
}
