# Layers that Gatun unpacks itself, and what can go wrong with them.
# shellcheck shell=bash
source "$project/scripts/e2e-cases/apply.sh"

it_unpacks_anew_when_a_pull_was_killed() {
  own_differ=yes
  start_node ext4
  local seed=${GATUN_SEED:-$RANDOM} round pulling unpacked milliseconds victims=(ctr gatun containerd) victim
  say "GATUN_SEED=$seed"
  RANDOM=$seed
  pull latest overlayfs
  for round in 1 2 3 4 5 6; do
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
    compare_views latest 4
    run_ctr images rm --sync "$(reference latest)" >/dev/null
    collect_garbage
    pull latest overlayfs
  done
  remove_images
  collect_leases
  await 20 "the directories to go" has_no_directories
  assert_equal "snapshots that remain" "" "$(gatun_snapshots)"
}

# A client that was killed leaves a lease behind, which lasts for a day.
collect_leases() {
  local lease
  for lease in $(run_ctr leases ls -q); do run_ctr leases rm "$lease" >/dev/null; done
  collect_garbage
}

it_takes_pulls_of_other_snapshotters_with_it_when_it_stops() {
  own_differ=yes
  start_node ext4
  pull latest overlayfs
  assert_equal "layers that it left to others" 4 "$(count_applies UNIMPLEMENTED)"
  stop gatun
  refute pull sibling overlayfs 2>/dev/null
  restart_gatun
  await_plugin
  pull sibling overlayfs
  run_without_gatun_diff
}

# As README.md says how.
run_without_gatun_diff() {
  remove_images
  stop gatun
  stop containerd
  own_differ=no
  start_containerd "$node/containerd"
  pull latest overlayfs
  restart_gatun
  await_plugin
  pull latest
  compare_views latest 1
  assert_equal "layers that Gatun unpacked" 0 "$(count_applies OK)"
}

it_unpacks_again_when_there_is_room_again() {
  own_differ=yes
  gatun_volume_size=512M
  start_node ext4
  local layer
  pull latest overlayfs
  run_ctr snapshots --snapshotter gatun prepare waiting >/dev/null
  layer=$(layers latest | head -n 1)
  fill_volume_but 40
  refute pull latest 2>/tmp/refusal
  assert_contains "what the client is told" "ENOSPC" "$(cat /tmp/refusal)"
  assert_contains "what the client is told" "$layer" "$(cat /tmp/refusal)"
  assert_contains "what the client is told" "offset" "$(cat /tmp/refusal)"
  refute apply_layer waiting "$layer"
  assert_refusal ResourceExhausted "$layer" offset
  # What had been written is gone.
  await 20 "one directory per snapshot" has_directory_per_snapshot
  await 20 "the space to come back" has_free_mebibytes 38
  rm "$gatun_volume/filler"
  # The snapshot that could not be filled can be filled now, and a pull succeeds.
  apply_layer waiting "$layer"
  pull latest
  compare_views latest 1
}

# fill_volume_but MEBIBYTES
fill_volume_but() {
  sync -f "$gatun_volume"
  fallocate -l "$(($(stat -f -c '%f * %S' "$gatun_volume") - ($1 << 20)))" "$gatun_volume/filler"
}

has_free_mebibytes() { (($(stat -f -c '%f * %S' "$gatun_volume") >> 20 >= $1)); }

# apply_layer KEY DIGEST [OPTION...]: has Gatun unpack it without containerd; what went wrong is in /tmp/refusal.
apply_layer() {
  local key=$1 digest=$2
  shift 2
  "$testbed" apply --address "$gatun_socket" --digest "$digest" --size "$(stat -c %s "$(blob "$digest")")" "$@" \
    "$(full_key "$key")" >/dev/null 2>/tmp/refusal
}

# full_key KEY: the key that containerd has made of one.
full_key() { gatun_snapshots | cut -f 2 | grep "/$1\$"; }

# assert_refusal CODE TEXT...
assert_refusal() { assert_refusal_says "code = $1" "${@:2}"; }

assert_refusal_says() {
  local refusal text
  refusal=$(cat /tmp/refusal)
  for text; do assert_contains "the refusal" "$text" "$refusal"; done
}

it_says_what_is_wrong_with_a_layer() {
  own_differ=yes
  start_node ext4
  local layer good=/tmp/good file
  pull latest overlayfs
  run_ctr snapshots --snapshotter gatun prepare waiting >/dev/null
  layer=$(layers latest | head -n 1)
  file=$(blob "$layer")
  cp "$file" "$good"

  # Still a gzip stream, and still the same tar: the time in its header.
  overwrite "$file" 4 '\x01\x02\x03\x04'
  refute apply_layer waiting "$layer"
  assert_refusal InvalidArgument "$layer" sha256
  # In the middle of it.
  cp "$good" "$file"
  overwrite "$file" $(($(stat -c %s "$file") / 2)) '\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00'
  refute apply_layer waiting "$layer"
  assert_refusal InvalidArgument "$layer" offset entry
  # containerd's client says so, too.
  refute run_ctr snapshots unpack --snapshotter gatun "$(manifest_digest latest)" 2>/tmp/refusal >/dev/null
  assert_refusal_says "invalid argument" "$layer" offset entry
  # A file that is too short is not the blob, and containerd is asked for it, which has no more of it either.
  cp "$good" "$file"
  truncate -s -1000 "$file"
  refute apply_layer waiting "$layer" --size "$(stat -c %s "$good")"
  assert_refusal InvalidArgument "$layer" "ends after" offset entry
  cp "$good" "$file"

  # After all that the snapshot is as it was prepared.
  apply_layer waiting "$layer"
  run_ctr snapshots --snapshotter gatun rm waiting
  collect_garbage
  await 20 "the directories to go" has_no_directories
  pull latest
  compare_views latest 4
}

it_refuses_what_it_is_not_to_unpack() {
  own_differ=yes
  start_node ext4
  local layer size unknown=sha256:0000000000000000000000000000000000000000000000000000000000000000
  pull latest overlayfs
  pull latest
  run_ctr snapshots --snapshotter gatun prepare waiting >/dev/null
  run_ctr snapshots --snapshotter gatun view viewed "$(chain_ids latest | head -n 1)" >/dev/null
  layer=$(layers latest | head -n 1)
  size=$(stat -c %s "$(blob "$layer")")

  refute apply_layer waiting "$layer" --namespace elsewhere
  assert_refusal NotFound "$layer" elsewhere
  refute apply_layer waiting "$layer" --namespace 'no name'
  assert_refusal InvalidArgument "$layer" 'no name'
  refute apply_layer waiting "$layer" --digest "$unknown"
  assert_refusal NotFound "$unknown"
  refute apply_layer waiting "$layer" --size $((size + 1))
  assert_refusal InvalidArgument "$layer" "$size" $((size + 1))
  refute apply_layer waiting "$layer" --type application/vnd.oci.image.layer.v1.tar+gzip+encrypted
  assert_refusal Unimplemented encrypted
  refute apply_layer waiting "$layer" --source "$node/containerd/root"
  assert_refusal Unimplemented "no mounts of a snapshot"
  refute apply_layer viewed "$layer"
  assert_refusal FailedPrecondition 'not active'

  apply_layer waiting "$layer"
  # It holds something now.
  refute apply_layer waiting "$layer"
  assert_refusal Unimplemented waiting
  run_ctr snapshots --snapshotter gatun rm waiting
}

# overwrite FILE OFFSET BYTES
overwrite() { printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }

it_outlives_a_containerd_that_goes_away_half_way() {
  own_differ=yes
  start_node ext4
  local layer applying round
  pull latest overlayfs
  run_ctr snapshots --snapshotter gatun prepare waiting >/dev/null
  layer=$(layers latest | head -n 1)
  # Gatun is not to find the file of a blob, and has to have containerd send it.
  sed -i 's,^containerd_root = .*,containerd_root = "/nowhere",' /tmp/gatun.toml
  stop gatun
  restart_gatun
  for round in 1 2 3; do
    apply_layer waiting "$layer" &
    applying=$!
    await 20 "the first files" has_files
    stop containerd KILL || true
    ! wait "$applying" || fail "round $round: the layer was unpacked nevertheless"
    assert_refusal Unavailable "$layer" offset entry
    assert_equal "round $round: files that remain" "" "$(snapshot_files)"
    start_containerd "$node/containerd"
  done
  apply_layer waiting "$layer"
  run_ctr snapshots --snapshotter gatun rm waiting
  collect_garbage
  await 20 "the directories to go" has_no_directories
}

snapshot_files() { find "$node"/gatun/snapshots/*/fs -mindepth 1 -print -quit; }
has_files() { [[ -n $(snapshot_files) ]]; }
