# The script's own Gatun daemon, or the peer in its place.
# shellcheck shell=bash

gatun=$project/server/target/gatun/bin/gatun
testbed=$project/scripts/target/testbed
gatun_socket=/run/gatun/gatun.sock

# The server on the socket: gatun, or peer, containerd's own snapshotters, with which a script tests itself.
backend=${backend:-gatun}

# start_gatun ROOT [ARGUMENT...]: starts the daemon and waits until it answers. Arguments are those of `gatun serve`.
start_gatun() {
  local root=$1
  shift
  mkdir -p "$(dirname "$gatun_socket")"
  case $backend in
    gatun)
      [[ -x $gatun ]] || die "$gatun is missing: run scripts/build first"
      start gatun "$gatun" serve --address "$gatun_socket" --root "$root" "$@"
      ;;
    peer) start gatun "$testbed" peer --address "$gatun_socket" --root "$root" "$@" ;;
    *) die "unknown backend $backend" ;;
  esac
  # This takes a second or two, but much longer on a busy machine.
  await 90 "Gatun to answer" gatun_answers || {
    show_log gatun
    return 1
  }
}

# share_classes: lets later daemons start from an archive of loaded classes, which halves the CPU time of a start and affects
# nothing else. To be called inside a sandbox.
share_classes() {
  local kept archive=$sandbox/classes.jsa libraries=${gatun%/bin/gatun}/lib quiet='-Xlog:cds=off -Xlog:aot=off'
  # A trained Gatun has a better archive, and a JVM takes only one.
  [[ $backend == gatun && -z ${GATUN_JAVA_OPTS:-} && -x $gatun && ! -e $libraries/gatun.aot ]] || return 0
  # The JVM compares times and sizes of the libraries, which two builds may share, so the name contains a digest.
  kept=$project/scripts/target/classes-$(cat "$libraries"/*.jar | sha256sum | cut -c 1-16).jsa
  if [[ ! -e $kept ]]; then
    rm -f "$project"/scripts/target/classes-*.jsa
    GATUN_JAVA_OPTS="-XX:ArchiveClassesAtExit=$archive $quiet" start_gatun /tmp/archive
    stop gatun || die "the archive of classes could not be written"
    cp "$archive" "$kept.$$"
    mv "$kept.$$" "$kept"
    rm -rf /tmp/archive
  fi
  # The path of a clone may contain spaces, which options of a JVM cannot.
  [[ -e $archive ]] || cp "$kept" "$archive"
  export GATUN_JAVA_OPTS="-XX:SharedArchiveFile=$archive -XX:TieredStopAtLevel=1 $quiet"
}

gatun_answers() {
  is_running gatun || return 1
  "$testbed" ping --address "$gatun_socket" 2>/dev/null
}
