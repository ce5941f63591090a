# From a registry on loopback, whose files are in the page cache, to the first line that a container prints.
# shellcheck shell=bash

filesystems_default=(ext4)
pulled_images_full=(large)
pulled_images_quick=(layers)

# A pull writes blobs and layers, and takes long enough for a host to reclaim memory meanwhile: with 3000, every other pull of
# 2 GB still lost a tenth of its time to that.
pull_memory_mib=8000

# run_to_first_line IMAGE: runs a container, and sets $first_line to the time of its first line.
run_to_first_line() {
  local line=
  # The shim copies the container's output until the container ends, so the container lives a little longer.
  while read -r line; do
    [[ $line != ready ]] || { first_line=$EPOCHREALTIME && break; }
  done < <(run_ctr run --rm --snapshotter "$snapshotter" --cgroup "$(sandbox_cgroup)/$contender" "$1" "$contender" \
    /bin/sh -c 'echo ready; sleep 0.3' 2>/tmp/ran)
  wait $! || true
  [[ $line == ready ]] || die "$contender ran no container: $(tail -n 3 /tmp/ran)"
}

# pull_once TEMPERATURE: pulls and runs an image; warm does so after another image and its container.
pull_once() {
  local temperature=$1 image=$registry/$subject:latest begin first_line
  begin_run
  read_into_memory "$large_image" "$small_image"
  fresh_volume 16G
  start_contender "$contender"
  if [[ $temperature == warm ]]; then
    await_warm
    measure run_ctr images pull --plain-http --snapshotter "$snapshotter" "$small_registry/demo:latest"
    run_to_first_line "$small_registry/demo:latest"
    sync --file-system "$volume"
  fi
  touch_memory "$pull_memory_mib"
  begin=$EPOCHREALTIME
  measure run_ctr images pull --plain-http --snapshotter "$snapshotter" "$image"
  record pull "$wall" s
  record pull_cpu "$cpu" s
  run_to_first_line "$image"
  record first_line "$(seconds_between "$begin" "$first_line")" s
  require_tars "$image"
  stop_and_forget_all
  end_run
}

# pull_for_pods_once: pulls like the kubelet, for which containerd unpacks layers while it fetches the rest; for ctr, it fetches
# everything first.
pull_for_pods_once() {
  local with_cri=yes
  begin_run
  read_into_memory "$large_image" "$small_image"
  fresh_volume 16G
  start_contender "$contender"
  await_warm
  measure pull_by_cri "$small_registry/demo:latest"
  sync --file-system "$volume"
  touch_memory "$pull_memory_mib"
  measure pull_by_cri "$registry/$subject:latest"
  record pod_pull "$wall" s
  record pod_pull_cpu "$cpu" s
  CONTAINERD_NAMESPACE=k8s.io require_tars "$registry/$subject:latest"
  stop_and_forget_all
  end_run
}

# fetch_once: measures the share of the network and the content store in a pull.
fetch_once() {
  begin_run
  read_into_memory "$large_image" "$small_image"
  fresh_volume 16G
  start_contender overlayfs
  touch_memory 1000
  measure run_ctr content fetch --plain-http "$registry/$subject:latest"
  contender=floor-fetch
  record pull "$wall" s
  record pull_cpu "$cpu" s
  stop_and_forget_all
  end_run
}

# try CONTENDER: succeeds if it pulls and runs an ordinary image at all.
try() (
  contender=$1
  unset "pids[registry]" "pids[small-registry]"
  trap abandon EXIT
  set -e
  fresh_volume 16G
  start_contender "$contender"
  run_ctr images pull --plain-http --snapshotter "$snapshotter" "$small_registry/demo:latest"
  run_to_first_line "$small_registry/demo:latest"
  stop_all
) >/tmp/tried 2>&1

bench_pull() {
  local status images contender contenders runnable subject=- round=0
  images=("${pulled_images_full[@]}")
  [[ $size != quick ]] || images=("${pulled_images_quick[@]}")
  start_registries
  present overlayfs overlayfs-igzip gatun gatun-unsynced soci nydus stargz
  runnable=()
  for contender in "${contenders[@]}"; do
    case $contender in
      soci | nydus | stargz)
        # Not as a condition, which would disable "set -e".
        set +e
        try "$contender"
        status=$?
        set -e
        ((status == 0)) || {
          leave_out "$contender" "does not pull an ordinary image here: $(tail -n 1 /tmp/tried)"
          continue
        }
        ;;
    esac
    runnable+=("$contender")
  done
  for subject in "${images[@]}"; do
    round=0
    for contender in $(builds_of overlayfs gatun); do pull_once cold; done
    for ((round = 1; round <= rounds; round++)); do
      for contender in $(take_turns "${runnable[@]}" fetch); do
        if [[ $contender == fetch ]]; then fetch_once; else pull_once warm; fi
      done
      progress
    done
  done
}
