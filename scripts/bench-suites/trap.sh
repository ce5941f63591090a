# Unpacking an image right after another one was deleted.
# shellcheck shell=bash

filesystems_default=(ext4 ext4-nojournal)

# fetch_and_unpack REFERENCE: sets $wall to the seconds that unpacking takes.
fetch_and_unpack() {
  run_ctr content fetch --plain-http "$1" >/dev/null
  touch_memory 3000
  measure run_ctr snapshots unpack --snapshotter "$snapshotter" "$(digest_of "$1")"
}

is_deleted() {
  [[ -z $(find "$volume"/gatun/{snapshots,trash} "$volume"/containerd/root/*.overlayfs/snapshots -mindepth 1 -maxdepth 1 2>/dev/null) ]]
}

unpack_twice() {
  local images wall cpu
  begin_run
  fresh_volume 16G
  start_contender "$contender"
  await_warm
  # The first image is only for the warm-up, and is deleted with the other.
  fetch_and_unpack "$small_registry/demo:latest"
  fetch_and_unpack "$registry/$subject:latest"
  record fresh "$wall" s
  sync --file-system "$volume"
  mapfile -t images < <(run_ctr images ls -q)
  run_ctr images rm --sync "${images[@]}" >/dev/null
  await 60 "the directories to go" is_deleted
  fetch_and_unpack "$registry/$subject:latest"
  record after_delete "$wall" s
  stop_all
  end_run
}

bench_trap() {
  local contender round subject=large
  start_registries
  for ((round = 1; round <= rounds; round++)); do
    for contender in $(take_turns overlayfs gatun); do unpack_twice; done
    progress
  done
}
