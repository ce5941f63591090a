# Unpacking an image whose blobs are there.
# shellcheck shell=bash

filesystems_default=(ext4)

contenders=(overlayfs overlayfs-igzip gatun-walking gatun gatun-unsynced)

# Newer containerd than Debian's looks for igzip first, with the arguments that it gives to unpigz.
igzip_path=/tmp/igzip

# cpu_ticks PID...: what processes and those children that have ended took so far.
cpu_ticks() {
  local pid fields sum=0
  for pid in "$@"; do
    # The name in the second field may hold spaces.
    read -r -a fields < <(sed 's/.*) //' "/proc/$pid/stat")
    sum=$((sum + fields[11] + fields[12] + fields[13] + fields[14]))
  done
  say "$sum"
}

# fetch IMAGES NAME: gets an image's blobs from the registry, and says what its manifest's digest is.
fetch() {
  start_registry "$1"
  run_ctr content fetch --plain-http "$registry/$2" >/dev/null
  run_ctr images ls "name==$registry/$2" | awk 'NR == 2 { print $3 }'
  stop registry >/dev/null || true
}

# start_contender NAME
start_contender() {
  local path=$PATH
  own_differ=no
  snapshotter=gatun
  printf 'containerd_address = "%s"\ncontainerd_root = "%s"\n' "$containerd_socket" "$volume/containerd/root" >/tmp/gatun.toml
  case $1 in
    overlayfs) snapshotter=overlayfs ;;
    overlayfs-igzip) snapshotter=overlayfs path=$igzip_path:$PATH ;;
    gatun-walking) ;;
    gatun) own_differ=yes ;;
    gatun-unsynced)
      own_differ=yes
      say 'layer_sync = "none"' >>/tmp/gatun.toml
      ;;
  esac
  daemons=()
  if [[ $snapshotter == gatun ]]; then
    start_gatun "$volume/gatun" --config /tmp/gatun.toml --driver overlay
    daemons+=("${pids[gatun]}")
  fi
  PATH=$path start_containerd "$volume/containerd"
  daemons+=("${pids[containerd]}")
}

# unpack CONTENDER: prints wall, CPU and sync seconds.
unpack() {
  local small large ticks begin end client_cpu synced own_differ snapshotter daemons
  make_volume "$filesystem" 16G "$volume"
  start_contender "$1"
  small=$(fetch "$small_image" demo:latest)
  large=$(fetch "$large_image" large:latest)
  run_ctr snapshots unpack --snapshotter "$snapshotter" "$small" >/dev/null
  sync --file-system "$volume"
  ticks=$(cpu_ticks "${daemons[@]}")
  begin=$EPOCHREALTIME
  client_cpu=$({ TIMEFORMAT='%U %S' && time run_ctr snapshots unpack --snapshotter "$snapshotter" "$large" >/tmp/unpacked 2>&1; } 2>&1)
  end=$EPOCHREALTIME
  ticks=$(($(cpu_ticks "${daemons[@]}") - ticks))
  (($(run_ctr snapshots --snapshotter "$snapshotter" ls | awk 'NR > 1 && $NF == "Committed"' | wc -l) >= 7)) || die "$1 did not unpack the image: $(tail -n 3 /tmp/unpacked)"
  sync --file-system "$volume"
  synced=$EPOCHREALTIME
  say "$(seconds_between "$begin" "$end") $(awk -v ticks="$ticks" -v hertz="$(getconf CLK_TCK)" -v client="$client_cpu" \
    'BEGIN { split(client, part, " "); printf "%.2f", ticks / hertz + part[1] + part[2] }') $(seconds_between "$end" "$synced")"
  for daemon in "${!pids[@]}"; do stop "$daemon" >/dev/null || true; done
  umount "$volume"
}

bench_unpack() {
  local filesystem round contender wall cpu synced
  local -A walls cpus wall_median cpu_median
  mkdir -p "$igzip_path"
  ln -s "$(command -v igzip)" "$igzip_path/unpigz"
  for filesystem in "${filesystems[@]}"; do
    walls=() cpus=()
    for ((round = 1; round <= rounds; round++)); do
      for contender in $(take_turns "${contenders[@]}"); do
        touch_memory
        read -r wall cpu synced < <(unpack "$contender")
        say "filesystem=$filesystem contender=$contender round=$round wall_s=$wall cpu_s=$cpu sync_s=$synced"
        walls[$contender]+=$wall$'\n'
        cpus[$contender]+=$cpu$'\n'
      done
    done
    for contender in "${contenders[@]}"; do
      wall_median[$contender]=$(median <<<"${walls[$contender]%$'\n'}")
      cpu_median[$contender]=$(median <<<"${cpus[$contender]%$'\n'}")
      say "filesystem=$filesystem contender=$contender median wall_s=${wall_median[$contender]} cpu_s=${cpu_median[$contender]}" \
        "of_overlayfs wall=$(ratio "${wall_median[$contender]}" "${wall_median[overlayfs]}")" \
        "cpu=$(ratio "${cpu_median[$contender]}" "${cpu_median[overlayfs]}")"
    done
  done
}
