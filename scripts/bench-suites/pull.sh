# From a registry on loopback, whose files are in the page cache, to the first line that a container prints.
# shellcheck shell=bash

filesystems_default=(ext4)
pulled_images_full=(large)
pulled_images_quick=(layers)

# A pull has blobs written and layers, and takes long enough for a host to take memory back meanwhile: with 3000, every other
# pull of 2 GB still had a tenth of its time from that.
pull_memory_mib=8000

# run_to_first_line IMAGE: sets $first_line to the time at which a container has printed a line.
run_to_first_line() {
  local line=
  # The shim copies what the container prints until it ends, so it does not end at once.
  while read -r line; do
    [[ $line != ready ]] || { first_line=$EPOCHREALTIME && break; }
  done < <(run_ctr run --rm --snapshotter "$snapshotter" --cgroup "$(sandbox_cgroup)/$contender" "$1" "$contender" \
    /bin/sh -c 'echo ready; sleep 0.3' 2>/tmp/ran)
  wait $! || true
  [[ $line == ready ]] || die "$contender ran no container: $(tail -n 3 /tmp/ran)"
}

# pull_once TEMPERATURE: warm is after another image and a container of that.
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

# pull_for_pods_once: as the kubelet has an image pulled, for which containerd unpacks what has arrived while it fetches the rest;
# for ctr, it first fetches all.
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

# fetch_once: what the network and the content store take of a pull.
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

# try CONTENDER: whether it pulls and runs an ordinary image at all.
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
        # Not as a condition, within which nothing would end it early.
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
