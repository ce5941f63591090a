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

# is_shareable: whether daemons can start from an archive of loaded classes. A trained Gatun has a better archive, and a JVM takes
# only one.
is_shareable() { [[ $backend == gatun && -z ${GATUN_JAVA_OPTS:-} && -x $gatun && ! -e ${gatun%/bin/gatun}/lib/gatun.aot ]]; }

# kept_classes: prints the archive that belongs to the distribution. The JVM compares times and sizes of the libraries, which two
# builds may share, so the name contains a digest.
kept_classes() { printf '%s/scripts/target/classes-%s.jsa' "$project" "$(cat "${gatun%/bin/gatun}"/lib/*.jar | sha256sum | cut -c 1-16)"; }

quiet_archives='-Xlog:cds=off -Xlog:aot=off'

# archive_classes: creates that archive if it is missing. To be called inside a sandbox.
archive_classes() {
  local kept new=/tmp/classes.new
  is_shareable || return 0
  kept=$(kept_classes)
  [[ ! -e $kept ]] || return 0
  rm -f "$project"/scripts/target/classes-*.jsa
  GATUN_JAVA_OPTS="-XX:ArchiveClassesAtExit=$new $quiet_archives" start_gatun /tmp/archive
  stop gatun || die "the archive of classes could not be written"
  mkdir -p "${kept%/*}"
  cp "$new" "$kept.$$"
  mv "$kept.$$" "$kept"
  rm -rf /tmp/archive "$new"
}

# share_classes DIRECTORY: lets later daemons start from a copy of the archive in the directory, if there is an archive, and without
# the optimizing compiler. This saves most of the CPU time of a start and affects nothing else. The path of a clone may contain
# spaces, which options of a JVM cannot.
share_classes() {
  local kept
  is_shareable || return 0
  kept=$(kept_classes)
  [[ -e $kept ]] || return 0
  cp "$kept" "$1/classes.jsa"
  export GATUN_JAVA_OPTS="-XX:SharedArchiveFile=$1/classes.jsa -XX:TieredStopAtLevel=1 $quiet_archives"
}

gatun_answers() {
  is_running gatun || return 1
  "$testbed" ping --address "$gatun_socket" 2>/dev/null
}
