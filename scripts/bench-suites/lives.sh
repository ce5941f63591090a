# Lives of empty snapshots, from prepare to remove.
# shellcheck shell=bash

filesystems_default=(ext4)

lives_of_warming=16000
lives_measured=4000

# live CONTENDER CLIENTS: prints what the client measured, in one line.
live() {
  touch_memory
  make_volume "$filesystem" 4G "$volume"
  backend=$1 start_gatun "$volume/root" --driver overlay
  "$testbed" load --address "$gatun_socket" --clients 16 --lives $((lives_of_warming / 16)) >/dev/null
  "$testbed" load --address "$gatun_socket" --clients "$2" --lives $((lives_measured / $2)) | tr '\n' ' '
  stop gatun
  umount "$volume"
}

bench_lives() {
  local filesystem round contender clients measured
  local -A rates medians
  for filesystem in "${filesystems[@]}"; do
    for clients in 1 16; do
      rates=([gatun]='' [peer]='')
      for ((round = 1; round <= rounds; round++)); do
        for contender in $(take_turns gatun peer); do
          measured=$(live "$contender" "$clients")
          say "filesystem=$filesystem contender=$contender round=$round $measured"
          rates[$contender]+=$(sed 's/.*lives_per_second=\([0-9]*\).*/\1/' <<<"$measured")$'\n'
        done
      done
      for contender in gatun peer; do medians[$contender]=$(median <<<"${rates[$contender]%$'\n'}"); done
      say "filesystem=$filesystem clients=$clients median gatun_per_s=${medians[gatun]} peer_per_s=${medians[peer]}" \
        "times_the_peer=$(ratio "${medians[gatun]}" "${medians[peer]}")"
    done
  done
}
