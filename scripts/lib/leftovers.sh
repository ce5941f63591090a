# What scripts that were run below $GATUN_SCRATCH have left. Every sandbox lies below it, and every process that they start
# inherits it, which is how it is found if it stays.
# shellcheck shell=bash

use volume

# leftovers: a line for each directory, mount, loop device and process.
leftovers() (
  # What this looks with must not carry the variable that it looks for.
  export -n GATUN_SCRATCH
  find "$GATUN_SCRATCH" -mindepth 1 -maxdepth 1 -printf 'directory %p\n'
  grep -F "$GATUN_SCRATCH" /proc/self/mounts | sed 's/^/mount /' || true
  losetup --list --noheadings --output NAME,BACK-FILE | grep -F -e "$GATUN_SCRATCH" -e "$(volume_prefix)." |
    sed 's/^/loop device /' || true
  # What this shell has exported is not in its own environment as the kernel shows it.
  while read -r environment; do
    process=${environment//[!0-9]/}
    printf 'process %s %s\n' "$process" "$(tr '\0' ' ' <"/proc/$process/cmdline" 2>/dev/null)"
  done < <(grep --files-with-matches --no-messages --null-data --line-regexp --fixed-strings \
    "GATUN_SCRATCH=$GATUN_SCRATCH" /proc/[0-9]*/environ)
)

has_no_leftovers() { [[ -z $(leftovers 2>/dev/null) ]]; }
