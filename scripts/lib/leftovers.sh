# Finds what scripts that ran below $GATUN_SCRATCH have left. Every sandbox is below it, and every process that they start
# inherits the variable, by which it is found.
# shellcheck shell=bash

use volume

# leftovers: prints a line for each directory, mount, loop device and process.
leftovers() (
  # The commands below must not carry the variable that they search for.
  export -n GATUN_SCRATCH
  find "$GATUN_SCRATCH" -mindepth 1 -maxdepth 1 -printf 'directory %p\n'
  grep -F "$GATUN_SCRATCH" /proc/self/mounts | sed 's/^/mount /' || true
  losetup --list --noheadings --output NAME,BACK-FILE | grep -F -e "$GATUN_SCRATCH" -e "$(volume_prefix)." |
    sed 's/^/loop device /' || true
  # The kernel's view of this shell's own environment does not contain later exports.
  while read -r environment; do
    process=${environment//[!0-9]/}
    printf 'process %s %s\n' "$process" "$(tr '\0' ' ' <"/proc/$process/cmdline" 2>/dev/null)"
  done < <(grep --files-with-matches --no-messages --null-data --line-regexp --fixed-strings \
    "GATUN_SCRATCH=$GATUN_SCRATCH" /proc/[0-9]*/environ)
)

has_no_leftovers() { [[ -z $(leftovers 2>/dev/null) ]]; }
