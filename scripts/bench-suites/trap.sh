# Unpacking an image right after another one was deleted.
# shellcheck shell=bash

filesystems_default=(ext4 ext4-nojournal)

contenders=(overlayfs gatun)

# fetch IMAGES NAME: gets an image's blobs from the registry. Sets $digest to that of its manifest.
fetch() {
  start_registry "$1"
  run_ctr content fetch --plain-http "$registry/$2" >/dev/null
  digest=$(run_ctr images ls "name==$registry/$2" | awk 'NR == 2 { print $3 }')
  stop registry >/dev/null || true
}

# start_contender NAME
start_contender() {
  own_differ=no snapshotter=$1
  if [[ $1 == gatun ]]; then
    own_differ=yes
    printf 'containerd_address = "%s"\ncontainerd_root = "%s"\n' "$containerd_socket" "$volume/containerd/root" >/tmp/gatun.toml
    start_gatun "$volume/gatun" --config /tmp/gatun.toml --driver overlay
  fi
  start_containerd "$volume/containerd"
}

# unpack: prints the seconds that unpacking the image $digest takes.
unpack() {
  local begin=$EPOCHREALTIME
  run_ctr snapshots unpack --snapshotter "$snapshotter" "$digest" >/tmp/unpacked 2>&1 || die "did not unpack: $(tail -n 3 /tmp/unpacked)"
  seconds_between "$begin" "$EPOCHREALTIME"
}

is_deleted() {
  [[ -z $(find "$volume"/gatun/{snapshots,trash} "$volume"/containerd/root/*.overlayfs/snapshots -mindepth 1 -maxdepth 1 2>/dev/null) ]]
}

# unpack_twice CONTENDER: prints what unpacking takes before and after everything was deleted.
unpack_twice() {
  local own_differ snapshotter digest fresh images
  make_volume "$filesystem" 16G "$volume"
  start_contender "$1"
  # What is unpacked first only warms up, and is deleted with the rest.
  fetch "$small_image" demo:latest
  unpack >/dev/null
  fetch "$large_image" large:latest
  fresh=$(unpack)
  sync --file-system "$volume"
  mapfile -t images < <(run_ctr images ls -q)
  run_ctr images rm --sync "${images[@]}" >/dev/null
  await 60 "the directories to go" is_deleted
  fetch "$large_image" large:latest
  say "$fresh $(unpack)"
  for daemon in "${!pids[@]}"; do stop "$daemon" >/dev/null || true; done
  umount "$volume"
}

bench_trap() {
  local filesystem round contender fresh after
  local -A all_fresh all_after
  for filesystem in "${filesystems[@]}"; do
    all_fresh=() all_after=()
    for ((round = 1; round <= rounds; round++)); do
      for contender in $(take_turns "${contenders[@]}"); do
        touch_memory
        read -r fresh after < <(unpack_twice "$contender")
        say "filesystem=$filesystem contender=$contender round=$round fresh_s=$fresh after_delete_s=$after"
        all_fresh[$contender]+=$fresh$'\n'
        all_after[$contender]+=$after$'\n'
      done
    done
    for contender in "${contenders[@]}"; do
      fresh=$(median <<<"${all_fresh[$contender]%$'\n'}")
      after=$(median <<<"${all_after[$contender]%$'\n'}")
      say "filesystem=$filesystem contender=$contender median fresh_s=$fresh after_delete_s=$after after_over_fresh=$(ratio "$after" "$fresh")"
    done
  done
}
