# A node: a registry with the small images, Gatun and a stock containerd, on a filesystem of their own, and the steps of an
# operator with containerd's command line client.
# shellcheck shell=bash

node=/tmp/node

# yes: Gatun unpacks the layers for containerd, and logs each request.
own_differ=no

# The form of the layers that Gatun unpacks: directory or indexed.
layers=directory

# yes, with own_differ: Gatun puts a snapshot on its parent at commit.
rebase=no

# yes: Gatun warms up at its start, as by default. Most cases do without, since the warm-up takes longer than they do.
warm_up=no

# The second argument of start_registry.
registry_kind=

# If set, Gatun's root is on a filesystem of its own of this size, mounted at $gatun_volume.
gatun_volume_size=
gatun_volume=$node/volume

# write_configuration: writes Gatun's configuration for the node.
write_configuration() {
  : >/tmp/gatun.toml
  [[ $warm_up == yes ]] || say 'warm_up = false' >>/tmp/gatun.toml
  [[ $own_differ == yes ]] || return 0
  cat >>/tmp/gatun.toml <<TOML
containerd_address = "$containerd_socket"
containerd_root = "$node/containerd/root"
layers = "$layers"
log_level = "debug"
TOML
  [[ $rebase == no ]] || say 'rebase = true' >>/tmp/gatun.toml
}

# start_node FILESYSTEM [ARGUMENT...]: further arguments are those of `gatun serve`.
start_node() {
  local filesystem=$1
  shift
  gatun_arguments=("$@")
  # The peer has no configuration.
  if [[ " $* " != *" --config "* && ($backend == gatun || $own_differ == yes) ]]; then
    write_configuration
    gatun_arguments+=(--config /tmp/gatun.toml)
  fi
  make_volume "$filesystem" 8G "$node"
  if [[ -n $gatun_volume_size ]]; then
    make_volume "$filesystem" "$gatun_volume_size" "$gatun_volume"
    mkdir "$gatun_volume/gatun" "$node/gatun"
    mount --bind "$gatun_volume/gatun" "$node/gatun"
  fi
  start_registry "$small_images" "$registry_kind"
  start_gatun "$node/gatun" "${gatun_arguments[@]}"
  start_containerd "$node/containerd"
}

# restart_gatun: starts Gatun on the same root, with the same arguments.
restart_gatun() { start_gatun "$node/gatun" "${gatun_arguments[@]}"; }

# await_plugin: waits until containerd reconnects to Gatun, which it does not try for up to three seconds.
await_plugin() {
  await 20 "containerd to reach Gatun" run_ctr snapshots --snapshotter gatun prepare reached 2>/dev/null
  run_ctr snapshots --snapshotter gatun rm reached
}

# --- images

reference() { printf '%s/demo:%s' "$registry" "$1"; }

# pull TAG [SNAPSHOTTER]: pulls an image; the output, with its progress bars, is shown only if the pull fails.
pull() {
  local output=/tmp/pull.$1.${2:-gatun}
  run_ctr images pull --plain-http --snapshotter "${2:-gatun}" "$(reference "$1")" >"$output" 2>&1 || {
    tail -n 3 "$output" >&2
    return 1
  }
  # Otherwise a case about indexed layers might test directories.
  [[ $layers != indexed || ${2:-gatun} != gatun ]] || assert_indexed "$1"
}

# assert_indexed TAG: checks that no layer of the image is a directory.
assert_indexed() {
  local diff_id
  for diff_id in $(diff_ids "$1"); do
    [[ -s $(kept_layer "$diff_id")/tar ]] || fail "$1: layer $diff_id is not indexed"
  done
}

# kept_layer DIFF_ID: prints the directory of an indexed layer.
kept_layer() { printf '%s/gatun/layers/%s' "$node" "${1#sha256:}"; }

# pull_by_transfer TAG [SNAPSHOTTER]: lets containerd, not the client, pull and unpack.
pull_by_transfer() {
  local output=/tmp/transfer.$1.${2:-gatun}
  run_ctr images pull --local=false --platform linux/amd64 --snapshotter "${2:-gatun}" "$(reference "$1")" >"$output" 2>&1 || {
    tail -n 3 "$output" >&2
    return 1
  }
}

remove_by_cri() { "$testbed" cri-remove --address "$containerd_socket" "$(reference "$1")"; }

# remove_images: removes all images, and waits for containerd's garbage collection.
remove_images() {
  local images
  mapfile -t images < <(run_ctr images ls -q)
  ((${#images[@]} == 0)) || run_ctr images rm --sync "${images[@]}" >/dev/null
}

manifest_digest() { run_ctr images ls "name==$(reference "$1")" | awk 'NR == 2 { print $3 }'; }

# layers TAG: prints the digests of its blobs, the lowest first.
layers() { run_ctr content get "$(manifest_digest "$1")" | jq -r '.layers[].digest'; }

# blob DIGEST: prints the file of the blob.
blob() { printf '%s/containerd/root/io.containerd.content.v1.content/blobs/%s' "$node" "${1/://}"; }

# diff_ids TAG: prints the digests of its uncompressed layers, the lowest first.
diff_ids() {
  local config
  config=$(run_ctr content get "$(manifest_digest "$1")" | jq -r .config.digest)
  run_ctr content get "$config" | jq -r '.rootfs.diff_ids[]'
}

# chain_ids TAG: prints the names of its committed snapshots, the lowest first (as the OCI image specification defines them).
chain_ids() {
  local chain='' diff_id
  for diff_id in $(diff_ids "$1"); do
    if [[ -z $chain ]]; then
      chain=$diff_id
    else
      chain=sha256:$(printf '%s %s' "$chain" "$diff_id" | sha256sum | cut -d ' ' -f 1)
    fi
    say "$chain"
  done
}

# collect_garbage: removes unreferenced content, and snapshots that a client has removed, which containerd at first only forgets.
# containerd collects a snapshotter only after a snapshot of that snapshotter was removed.
collect_garbage() {
  run_ctr snapshots --snapshotter gatun prepare collected >/dev/null
  run_ctr snapshots --snapshotter gatun rm collected
  run_ctr leases create --id collected >/dev/null
  run_ctr leases rm --sync collected >/dev/null
}

# --- containers

# Options of `ctr run` for later containers.
container_options=()
exec_count=0

# start_container NAME TAG COMMAND...: starts a container and leaves it running.
start_container() {
  local name=$1 tag=$2
  shift 2
  run_ctr run --detach --snapshotter "${snapshotter:-gatun}" --cgroup "$(sandbox_cgroup)/$name" \
    "${container_options[@]}" "$(reference "$tag")" "$name" "$@"
}

# run_container NAME TAG COMMAND...: prints the container's output, and removes the container when it has ended.
#
# The shim writes the output to a file, since ctr may end before it has copied all of it.
run_container() {
  local name=$1 tag=$2 status=0
  shift 2
  run_ctr run --rm --snapshotter "${snapshotter:-gatun}" --cgroup "$(sandbox_cgroup)/$name" \
    --log-uri "file:///tmp/$name.out" "${container_options[@]}" "$(reference "$tag")" "$name" "$@" || status=$?
  cat "/tmp/$name.out"
  rm -f "/tmp/$name.out"
  return "$status"
}

# exec_in NAME COMMAND...: prints the output of a command in a running container.
exec_in() {
  local name=$1 output status=0
  shift
  output=$(mktemp /tmp/exec.XXXXXX)
  run_ctr tasks exec --exec-id "${output##*.}" --log-uri "file://$output" "$name" "$@" || status=$?
  cat "$output"
  return "$status"
}

is_container_running() { [[ $(run_ctr tasks ls | awk -v name="$1" '$1 == name { print $3 }') == RUNNING ]]; }
is_container_stopped() { [[ $(run_ctr tasks ls | awk -v name="$1" '$1 == name { print $3 }') == STOPPED ]]; }

# stop_container NAME: stops a container, which can be started again.
stop_container() {
  run_ctr tasks kill --signal SIGKILL "$1"
  await 20 "container $1 to stop" is_container_stopped "$1"
  # ctr reports the container's exit status as an error of its own.
  run_ctr tasks rm "$1" 2>/dev/null || true
}

remove_container() { run_ctr containers rm "$1"; }

# --- snapshots

# gatun_snapshots: prints kind, name and parent of each snapshot, from Gatun.
gatun_snapshots() { "$testbed" list --address "$gatun_socket"; }

count_gatun_snapshots() { gatun_snapshots | wc -l; }

# snapshot_directories: prints the directories of snapshots, including those in the trash.
snapshot_directories() {
  local place
  for place in snapshots trash; do
    [[ ! -d $node/gatun/$place ]] || find "$node/gatun/$place" -mindepth 1 -maxdepth 1
  done
}

# kept_layers: prints the directories of indexed layers.
kept_layers() { [[ ! -d $node/gatun/layers ]] || find "$node/gatun/layers" -mindepth 1 -maxdepth 1; }

has_no_directories() { [[ -z $(snapshot_directories && kept_layers) ]]; }
has_directory_per_snapshot() { [[ $(snapshot_directories | wc -l) == "$(count_gatun_snapshots)" ]]; }

# keep_view SNAPSHOTTER KEY NAME: creates a view with a label that protects it from garbage collection, except from one between
# the
# two commands.
keep_view() {
  run_ctr snapshots --snapshotter "$1" view "$2" "$3" &&
    run_ctr snapshots --snapshotter "$1" label "$2" containerd.io/gc.root=view >/dev/null
}

# view SNAPSHOTTER NAME DIRECTORY: mounts a committed snapshot like containerd.
view() {
  local snapshotter=$1 name=$2 directory=$3 key=view-${3//\//-}
  mkdir -p "$directory"
  await 20 "a view of $name that is not collected" keep_view "$snapshotter" "$key" "$name"
  # ctr prints the mount command. By default mount(8) passes options to fsconfig(2), which takes no value of more than 255 bytes,
  # and the list of lower directories is longer.
  # shellcheck disable=SC2091
  LIBMOUNT_FORCE_MOUNT2=always $(run_ctr snapshots --snapshotter "$snapshotter" mounts "$directory" "$key")
}

# unview SNAPSHOTTER DIRECTORY
unview() {
  umount "$2"
  run_ctr snapshots --snapshotter "$1" rm "view-${2//\//-}"
}
