# Assertions; a failed one ends the case.
# shellcheck shell=bash

fail() {
  warn "assertion failed: $*"
  exit 1
}

# assert_equal WHAT EXPECTED ACTUAL
assert_equal() { [[ $2 == "$3" ]] || fail "$1: expected \"$2\", got \"$3\""; }

# assert_contains WHAT EXPECTED ACTUAL
assert_contains() { [[ $3 == *"$2"* ]] || fail "$1: expected something with \"$2\", got \"$3\""; }

# assert_same_files WHAT FILE FILE
assert_same_files() {
  [[ -s $2 ]] || fail "$1: $2 is empty, so there is nothing to compare"
  cmp -s "$2" "$3" || {
    diff "$2" "$3" | head -n 20 >&2 || true
    fail "$1: $2 and $3 differ"
  }
}

# refute COMMAND...: holds if the command fails.
refute() { ! "$@" || fail "should have failed: $*"; }
