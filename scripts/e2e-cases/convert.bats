#!/usr/bin/env bats
# Layers that get another form, and those that keep theirs because a container uses them.
load helpers
load failure

# start_node_with_directories: a node on which layers are unpacked by Gatun, into directories.
start_node_with_directories() {
  [[ $backend == gatun ]] || skip "containerd's overlay snapshotter has directories only"
  own_differ=yes
  start_node "$1"
}

convert() { "$gatun" convert --config /tmp/gatun.toml --address "$gatun_socket" "$@"; }

# containerd removes the snapshots of removed containers and views when it collects garbage.
await_unused() {
  collect_garbage
  await 20 "the last user of a layer to go" has_only_committed
}
has_only_committed() { ! gatun_snapshots | cut -f 1 | grep -qvi committed; }

# convert_all FORM
convert_all() {
  await_unused
  convert "--to=$1" >/tmp/converted || {
    cat /tmp/converted >&2
    fail "convert --to=$1"
  }
}

# start_reading: a container that reads every file of the image in a loop, and notes when something is not as it was.
start_reading() {
  start_container reading latest sh -c '
    first=
    while :; do
      read=$(find /bin/ /etc /lib /opt /srv /usr /var -xdev -type f ! -path "/srv/rounds" ! -path "/srv/failures" -print0 |
        sort -z | xargs -0 sha256sum 2>>/srv/failures | sha256sum)
      [ -n "$first" ] || first=$read
      [ "$read" = "$first" ] || echo "another sum" >>/srv/failures
      echo >>/srv/rounds
    done'
  await 60 "the first round" has_rounds 1
}

rounds() { exec_in reading sh -c 'cat /srv/rounds 2>/dev/null | wc -l'; }
has_rounds() { (($(rounds) >= $1)); }

# assert_reads_the_same WHEN: a whole round that begins now, too.
assert_reads_the_same() {
  await 60 "two more rounds $1" has_rounds $(($(rounds) + 2))
  assert_equal "what the container noted $1" "" "$(exec_in reading sh -c 'cat /srv/failures 2>/dev/null || true')"
}

# assert_same_image WHEN: as it was written to /tmp/before.
assert_same_image() {
  write_manifest gatun latest /tmp/after
  assert_same_files "the image $1" /tmp/before /tmp/after
}

@test "leaves the layers of a container alone until it is removed" {
  start_node_with_directories ext4
  pull latest
  write_manifest gatun latest /tmp/before
  local status=0
  start_reading
  convert --to=indexed >/tmp/converted || status=$?
  assert_equal "the exit code" 3 "$status"
  assert_contains "what stays" "in use by " "$(</tmp/converted)"
  assert_equal "layers that a container uses" "" "$(kept_layers)"
  assert_reads_the_same "while its layers were to be converted"
  stop_container reading
  status=0
  convert --to=indexed >/tmp/converted || status=$?
  assert_equal "the exit code for a stopped container" 3 "$status"
  remove_container reading
  convert_all indexed
  assert_indexed latest
  assert_same_image "as indexes"
  start_reading
  status=0
  convert --to=directory >/tmp/converted || status=$?
  assert_equal "the exit code on indexes" 3 "$status"
  assert_reads_the_same "on indexes"
  stop_container reading
  remove_container reading
  convert_all directory
  assert_equal "kept layers" "" "$(kept_layers)"
  assert_same_image "as directories"
  assert_equal "a new container" upper "$(run_container directory latest cat /srv/modified)"
  remove_images
  assert_equal "snapshots that remain" "" "$(gatun_snapshots)"
  await 20 "the directories to go" has_no_directories
}

@test "converts layers both ways on xfs" {
  convert_both_ways xfs
}

@test "converts layers both ways on btrfs" {
  convert_both_ways btrfs
}

convert_both_ways() {
  start_node_with_directories "$1"
  pull latest
  pull sibling
  write_manifest gatun latest /tmp/before
  convert_all indexed
  assert_indexed latest
  assert_indexed sibling
  assert_same_image "as indexes"
  convert_all directory
  assert_same_image "as directories"
  assert_equal "kept layers" "" "$(kept_layers)"
}

@test "goes on with a conversion that was interrupted" {
  start_node_with_directories ext4
  pull latest
  write_manifest gatun latest /tmp/before
  await_unused
  convert --to=indexed >/tmp/interrupted &
  local converting=$!
  await 60 "the first layer" grep -q '^1 of ' /tmp/interrupted
  kill "$converting" 2>/dev/null || true
  wait "$converting" || true
  assert_same_image "in between"
  kill_gatun
  restart_gatun
  await_plugin
  assert_same_image "after the daemon was killed"
  convert_all indexed
  assert_indexed latest
  assert_same_image "in the end"
}

@test "lists the layers that cannot be converted" {
  start_node_with_directories ext4
  pull latest
  local lost status=0 kept
  convert --to=indexed --dry-run >/tmp/planned || fail "a dry run"
  assert_contains "the plan" "4 to be converted to indexed, 0 are so already, 0 stay as they are" "$(</tmp/planned)"
  assert_contains "the plan" " needed, " "$(</tmp/planned)"
  assert_equal "layers that a dry run converts" "" "$(kept_layers)"
  lost=$(layers latest | sed -n 2p)
  run_ctr content rm "$lost"
  convert --to=indexed >/tmp/converted || status=$?
  assert_equal "the exit code" 3 "$status"
  assert_contains "what stays" "has no blob of this layer" "$(</tmp/converted)"
  assert_contains "what stays" "$(chain_ids latest | sed -n 2p)" "$(grep 'no blob' /tmp/converted)"
  kept=$(kept_layers | wc -l)
  assert_equal "layers that are converted" 3 "$kept"
  assert_equal "a container" upper "$(run_container mixed latest cat /srv/modified)"
}
