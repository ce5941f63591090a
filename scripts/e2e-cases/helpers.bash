# Loaded first by every file of cases: runs each case in a sandbox of its own, with the commands of a node.
# shellcheck shell=bash disable=SC2034

source "${BATS_TEST_DIRNAME%/*}/lib/base.sh"
use sandbox process volume registry gatun containerd node assert

# bats runs each case in a process of its own, which starts again inside the sandbox. bats derives the run's directories from
# process ids, which differ inside the sandbox, so it gets the case's directory in place of the run's.
if [[ ${0##*/} == bats-exec-test ]]; then
  if [[ -z ${GATUN_SANDBOX:-} ]]; then
    mapfile -d '' -t command_line <"/proc/$$/cmdline"
    export BATS_RUN_TMPDIR=$BATS_TEST_TMPDIR
    # Omits the interpreter and the script.
    enter_sandbox "${command_line[@]:2}"
  fi
  enter_sandbox
fi

setup() { [[ -n ${sandbox:-} ]] || fail "the case has no sandbox: this version of bats starts cases in a different way"; }

# Adds the logs to the output of a failed case.
teardown() {
  if [[ -z ${BATS_TEST_COMPLETED:-} && -z ${BATS_TEST_SKIPPED:-} ]]; then
    show_log gatun
    show_log containerd 20
  fi
  local daemon
  for daemon in "${!pids[@]}"; do stop "$daemon" || true; done
}
