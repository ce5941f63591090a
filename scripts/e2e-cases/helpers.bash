# Loaded first by every file of cases: gives each case a sandbox of its own, with a node's commands in it.
# shellcheck shell=bash disable=SC2034

source "${BATS_TEST_DIRNAME%/*}/lib/base.sh"
use sandbox process volume registry gatun containerd node assert

# bats runs each case in a process of its own, which starts again inside of the sandbox. It finds the directories of the
# run by process ids, which are those of the sandbox then: it gets its case's directory instead of the run's.
if [[ ${0##*/} == bats-exec-test ]]; then
  if [[ -z ${GATUN_SANDBOX:-} ]]; then
    mapfile -d '' -t command_line <"/proc/$$/cmdline"
    export BATS_RUN_TMPDIR=$BATS_TEST_TMPDIR
    # Without the interpreter and the script.
    enter_sandbox "${command_line[@]:2}"
  fi
  enter_sandbox
fi

setup() { [[ -n ${sandbox:-} ]] || fail "the case has no sandbox: this version of bats starts cases in a different way"; }

# What the case printed is shown with this if it failed.
teardown() {
  if [[ -z ${BATS_TEST_COMPLETED:-} && -z ${BATS_TEST_SKIPPED:-} ]]; then
    show_log gatun
    show_log containerd 20
  fi
  local daemon
  for daemon in "${!pids[@]}"; do stop "$daemon" || true; done
}
