# What scripts that were run below $GATUN_SCRATCH have left. Every sandbox lies below it, and every process that they start
# inherits it, which is how it is found if it stays.
# shellcheck shell=bash

use volume

# leftovers: whatever has been left.
leftovers() {
  local environment process
  find "$GATUN_SCRATCH" -mindepth 1 -maxdepth 1 -printf 'directory %p\n'
  grep -F "$GATUN_SCRATCH" /proc/self/mounts | sed 's/^/mount /' || true
  losetup --list --noheadings --output NAME,BACK-FILE | grep -F -e "$GATUN_SCRATCH" -e "$(volume_prefix)." |
    sed 's/^/loop device /' || true
  for environment in /proc/[0-9]*/environ; do
    process=${environment//[!0-9]/}
    # What this shell has exported is not in its own environment as the kernel shows it.
    ! grep -qzx "GATUN_SCRATCH=$GATUN_SCRATCH" "$environment" 2>/dev/null ||
      printf 'process %s %s\n' "$process" "$(tr '\0' ' ' <"/proc/$process/cmdline" 2>/dev/null)"
  done
}

has_no_leftovers() { [[ -z $(leftovers 2>/dev/null) ]]; }
