# Finds a JDK. To be sourced by sh or bash; bin/gatun of the distribution uses the same file.
#
#   find_java MINIMUM   prints the home of a JDK of at least that feature version, or reports that
# there is none
#   java_version HOME   prints the feature version of the JDK at HOME, such as 25, or nothing
#
# The order: $GATUN_JAVA_HOME, which must be suitable if it is set; $JAVA_HOME, if it is new enough;
# the newest
# in /usr/lib/jvm; the one whose java is in $PATH.

java_version() {
  # The release file has the version, so no JVM has to be started. Chronicle Map needs the compiler's
  # module at run time.
  [ -x "$1/bin/java" ] && [ -x "$1/bin/javac" ] && [ -r "$1/release" ] || return 0
  sed -n 's/^JAVA_VERSION="\([0-9][0-9]*\).*/\1/p' "$1/release"
}

find_java() {
  find_java_minimum=$1
  if [ -n "${GATUN_JAVA_HOME:-}" ]; then
    find_java_version=$(java_version "$GATUN_JAVA_HOME")
    if [ "${find_java_version:-0}" -ge "$find_java_minimum" ]; then
      printf '%s\n' "$GATUN_JAVA_HOME"
      return 0
    fi
    echo "GATUN_JAVA_HOME=$GATUN_JAVA_HOME is not a JDK $find_java_minimum or later: correct or unset it" >&2
    return 1
  fi
  if [ -n "${JAVA_HOME:-}" ]; then
    find_java_version=$(java_version "$JAVA_HOME")
    if [ "${find_java_version:-0}" -ge "$find_java_minimum" ]; then
      printf '%s\n' "$JAVA_HOME"
      return 0
    fi
  fi
  find_java_best=
  find_java_best_version=$((find_java_minimum - 1))
  for find_java_home in /usr/lib/jvm/*; do
    find_java_version=$(java_version "$find_java_home")
    if [ "${find_java_version:-0}" -gt "$find_java_best_version" ]; then
      find_java_best=$find_java_home
      find_java_best_version=$find_java_version
    fi
  done
  if [ -z "$find_java_best" ] && find_java_command=$(command -v java); then
    find_java_home=$(dirname "$(dirname "$(readlink -f "$find_java_command")")")
    find_java_version=$(java_version "$find_java_home")
    if [ "${find_java_version:-0}" -ge "$find_java_minimum" ]; then
      find_java_best=$find_java_home
    fi
  fi
  if [ -z "$find_java_best" ]; then
    echo "no JDK $find_java_minimum or later in GATUN_JAVA_HOME, JAVA_HOME, /usr/lib/jvm or PATH: install one" >&2
    return 1
  fi
  printf '%s\n' "$find_java_best"
}
