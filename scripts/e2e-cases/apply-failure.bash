# Failures while Gatun unpacks layers.
# shellcheck shell=bash

unpacks_anew_when_a_pull_was_killed() {
  own_differ=yes
  start_node ext4
  local seed=${GATUN_SEED:-$RANDOM} round pulling unpacked milliseconds victims=(ctr gatun containerd) victim
  say "GATUN_SEED=$seed"
  RANDOM=$seed
  pull latest overlayfs
  for round in 1 2 3; do
    run_ctr images pull --plain-http --snapshotter gatun "$(reference latest)" >/dev/null 2>&1 &
    pulling=$!
    unpacked=$(count_applies OK)
    milliseconds=$((RANDOM % 700))
    sleep "$(printf '0.%03d' "$milliseconds")"
    victim=${victims[round % 3]}
    case $victim in
      ctr) kill -KILL "$pulling" 2>/dev/null || true ;;
      gatun)
        stop gatun KILL || true
        restart_gatun
        ;;
      containerd)
        stop containerd KILL || true
        start_containerd "$node/containerd"
        ;;
    esac
    wait "$pulling" 2>/dev/null || true
    await_plugin
    say "round $round: $victim killed after $milliseconds ms, $(($(count_applies OK) - unpacked)) layers were unpacked"
    pull latest
    compare_views latest
    run_ctr images rm --sync "$(reference latest)" >/dev/null
    collect_garbage
    pull latest overlayfs
  done
  remove_images
  collect_leases
  await 20 "the directories to go" has_no_directories
  assert_equal "snapshots that remain" "" "$(gatun_snapshots)"
}

# A killed client leaves a lease behind, which lasts for a day.
collect_leases() {
  local lease
  for lease in $(run_ctr leases ls -q); do run_ctr leases rm "$lease" >/dev/null; done
  collect_garbage
}

unpacks_again_when_there_is_room_again() {
  own_differ=yes
  gatun_volume_size=512M
  start_node ext4
  local layer
  pull latest overlayfs
  run_ctr snapshots --snapshotter gatun prepare waiting >/dev/null
  layer=$(layers latest | head -n 1)
  fill_volume_but 40
  refute pull latest 2>/tmp/refusal
  assert_contains "the client's error message" "ENOSPC" "$(cat /tmp/refusal)"
  assert_contains "the client's error message" "$layer" "$(cat /tmp/refusal)"
  assert_contains "the client's error message" "offset" "$(cat /tmp/refusal)"
  refute apply_layer waiting "$layer"
  assert_refusal ResourceExhausted "$layer" offset
  # Partial files are gone.
  await 20 "one directory per snapshot" has_directory_per_snapshot
  await 20 "the space to come back" has_free_mebibytes 38
  rm "$gatun_volume/filler"
  # The same snapshot can be filled now, and a pull succeeds.
  apply_layer waiting "$layer"
  pull latest
  compare_views latest
}

# fill_volume_but MEBIBYTES
fill_volume_but() {
  sync -f "$gatun_volume"
  fallocate -l "$(($(stat -f -c '%f * %S' "$gatun_volume") - ($1 << 20)))" "$gatun_volume/filler"
}

has_free_mebibytes() { (($(stat -f -c '%f * %S' "$gatun_volume") >> 20 >= $1)); }

# apply_layer KEY DIGEST [OPTION...]: has Gatun unpack the layer, without containerd; writes an error to /tmp/refusal.
apply_layer() {
  local key=$1 digest=$2
  shift 2
  "$testbed" apply --address "$gatun_socket" --digest "$digest" --size "$(stat -c %s "$(blob "$digest")")" "$@" \
    "$(full_key "$key")" >/dev/null 2>/tmp/refusal
}

# full_key KEY: prints containerd's full key for a short one.
full_key() { gatun_snapshots | cut -f 2 | grep "/$1\$"; }

# assert_refusal CODE TEXT...
assert_refusal() { assert_refusal_says "code = $1" "${@:2}"; }

assert_refusal_says() {
  local refusal text
  refusal=$(cat /tmp/refusal)
  for text; do assert_contains "the refusal" "$text" "$refusal"; done
}

says_what_is_wrong_with_a_layer() {
  own_differ=yes
  start_node ext4
  local layer good=/tmp/good file
  pull latest overlayfs
  run_ctr snapshots --snapshotter gatun prepare waiting >/dev/null
  layer=$(layers latest | head -n 1)
  file=$(blob "$layer")
  cp "$file" "$good"

  # Still a gzip stream of the same tar: only the time in its header changes.
  overwrite "$file" 4 '\x01\x02\x03\x04'
  refute apply_layer waiting "$layer"
  assert_refusal InvalidArgument "$layer" sha256
  # Damages the middle of the stream.
  cp "$good" "$file"
  overwrite "$file" $(($(stat -c %s "$file") / 2)) '\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00'
  refute apply_layer waiting "$layer"
  assert_refusal InvalidArgument "$layer" offset entry
  # containerd's client reports the same.
  refute run_ctr snapshots unpack --snapshotter gatun "$(manifest_digest latest)" 2>/tmp/refusal >/dev/null
  assert_refusal_says "invalid argument" "$layer" offset entry
  # A file of the wrong size is not the blob, so Gatun asks containerd for the blob, which has no more of it either.
  cp "$good" "$file"
  truncate -s -1000 "$file"
  refute apply_layer waiting "$layer" --size "$(stat -c %s "$good")"
  assert_refusal InvalidArgument "$layer" "ends after" offset entry
  cp "$good" "$file"

  # After all these failures the snapshot is as it was prepared.
  apply_layer waiting "$layer"
  run_ctr snapshots --snapshotter gatun rm waiting
  collect_garbage
  await 20 "the directories to go" has_no_directories
  pull latest
  compare_views latest
}

# overwrite FILE OFFSET BYTES
overwrite() { printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
