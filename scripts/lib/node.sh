# A node: a registry with the small images, Gatun and a stock containerd, on a filesystem of their own, and what a person
# does on it with containerd's command line client.
# shellcheck shell=bash

node=/tmp/node

# With yes, containerd has layers unpacked by Gatun, and Gatun logs each request.
own_differ=no

# In which form Gatun keeps the layers that it unpacks: directory or indexed.
layers=directory

# With yes, and own_differ, Gatun puts a snapshot on its parent when it is committed.
rebase=no

# With yes, Gatun warms up when it starts, as it does by default. Most cases do without: it takes longer than many a case.
warm_up=no

# How the registry is to be started, beyond serving the images.
registry_kind=

# If it is set, Gatun's root is on a filesystem of its own of this size, mounted at $gatun_volume.
gatun_volume_size=
gatun_volume=$node/volume

# write_configuration: what Gatun has to know of the node.
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

# restart_gatun: starts it again on its root as before.
restart_gatun() { start_gatun "$node/gatun" "${gatun_arguments[@]}"; }

# await_plugin: until containerd has noticed that Gatun is back. For up to three seconds it does not try to connect.
await_plugin() {
  await 20 "containerd to reach Gatun" run_ctr snapshots --snapshotter gatun prepare reached 2>/dev/null
  run_ctr snapshots --snapshotter gatun rm reached
}

# --- images

reference() { printf '%s/demo:%s' "$registry" "$1"; }

# pull TAG [SNAPSHOTTER]: its output, with the bars of its progress, is only worth seeing if it fails.
pull() {
  local output=/tmp/pull.$1.${2:-gatun}
  run_ctr images pull --plain-http --snapshotter "${2:-gatun}" "$(reference "$1")" >"$output" 2>&1 || {
    tail -n 3 "$output" >&2
    return 1
  }
  # Else a case that is about indexed layers might be about directories.
  [[ $layers != indexed || ${2:-gatun} != gatun ]] || assert_indexed "$1"
}

# assert_indexed TAG: no layer of the image is a directory.
assert_indexed() {
  local diff_id
  for diff_id in $(diff_ids "$1"); do
    [[ -s $(kept_layer "$diff_id")/tar ]] || fail "$1: layer $diff_id is not kept as its tar"
  done
}

# kept_layer DIFF_ID: the directory in which Gatun keeps a layer that is indexed.
kept_layer() { printf '%s/gatun/layers/%s' "$node" "${1#sha256:}"; }

# pull_by_transfer TAG [SNAPSHOTTER]: containerd itself pulls and unpacks, and not the client.
pull_by_transfer() {
  local output=/tmp/transfer.$1.${2:-gatun}
  run_ctr images pull --local=false --platform linux/amd64 --snapshotter "${2:-gatun}" "$(reference "$1")" >"$output" 2>&1 || {
    tail -n 3 "$output" >&2
    return 1
  }
}

remove_by_cri() { "$testbed" cri-remove --address "$containerd_socket" "$(reference "$1")"; }

# remove_images: all of them, and then waits for containerd's garbage collection.
remove_images() {
  local images
  mapfile -t images < <(run_ctr images ls -q)
  ((${#images[@]} == 0)) || run_ctr images rm --sync "${images[@]}" >/dev/null
}

manifest_digest() { run_ctr images ls "name==$(reference "$1")" | awk 'NR == 2 { print $3 }'; }

# layers TAG: the digests of its blobs, the lowest first.
layers() { run_ctr content get "$(manifest_digest "$1")" | jq -r '.layers[].digest'; }

# blob DIGEST: the file that holds it.
blob() { printf '%s/containerd/root/io.containerd.content.v1.content/blobs/%s' "$node" "${1/://}"; }

# diff_ids TAG: the digests of its uncompressed layers, the lowest first.
diff_ids() {
  local config
  config=$(run_ctr content get "$(manifest_digest "$1")" | jq -r .config.digest)
  run_ctr content get "$config" | jq -r '.rootfs.diff_ids[]'
}

# chain_ids TAG: the names of its committed snapshots, the lowest first (as the OCI image specification defines them).
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

# collect_garbage: removes what nobody refers to any more, also what a client has removed already: containerd only forgets a
# snapshot at first. It collects a snapshotter only after something of that snapshotter has been removed.
collect_garbage() {
  run_ctr snapshots --snapshotter gatun prepare collected >/dev/null
  run_ctr snapshots --snapshotter gatun rm collected
  run_ctr leases create --id collected >/dev/null
  run_ctr leases rm --sync collected >/dev/null
}

# --- containers

# Options of `ctr run` for the containers that follow.
container_options=()
exec_count=0

# start_container NAME TAG COMMAND...: leaves it running.
start_container() {
  local name=$1 tag=$2
  shift 2
  run_ctr run --detach --snapshotter "${snapshotter:-gatun}" --cgroup "$(sandbox_cgroup)/$name" \
    "${container_options[@]}" "$(reference "$tag")" "$name" "$@"
}

# run_container NAME TAG COMMAND...: prints what it prints, and removes it when it has ended.
#
# The shim writes the output to a file. When ctr copies it, it may leave before it has seen the end.
run_container() {
  local name=$1 tag=$2 status=0
  shift 2
  run_ctr run --rm --snapshotter "${snapshotter:-gatun}" --cgroup "$(sandbox_cgroup)/$name" \
    --log-uri "file:///tmp/$name.out" "${container_options[@]}" "$(reference "$tag")" "$name" "$@" || status=$?
  cat "/tmp/$name.out"
  rm -f "/tmp/$name.out"
  return "$status"
}

# exec_in NAME COMMAND...: prints what the command prints inside a running container.
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

# stop_container NAME: the container remains, and can be started again.
stop_container() {
  run_ctr tasks kill --signal SIGKILL "$1"
  await 20 "container $1 to stop" is_container_stopped "$1"
  # ctr reports how the container ended as if it were an error of its own.
  run_ctr tasks rm "$1" 2>/dev/null || true
}

remove_container() { run_ctr containers rm "$1"; }

# --- snapshots

# gatun_snapshots: kind, name and parent of each snapshot, as Gatun itself reports them.
gatun_snapshots() { "$testbed" list --address "$gatun_socket"; }

count_gatun_snapshots() { gatun_snapshots | wc -l; }

# snapshot_directories: the directories in which snapshots lie or wait to be deleted.
snapshot_directories() {
  local place
  for place in snapshots trash; do
    [[ ! -d $node/gatun/$place ]] || find "$node/gatun/$place" -mindepth 1 -maxdepth 1
  done
}

# kept_layers: the directories in which tars lie that are layers.
kept_layers() { [[ ! -d $node/gatun/layers ]] || find "$node/gatun/layers" -mindepth 1 -maxdepth 1; }

has_no_directories() { [[ -z $(snapshot_directories && kept_layers) ]]; }
has_directory_per_snapshot() { [[ $(snapshot_directories | wc -l) == "$(count_gatun_snapshots)" ]]; }

# keep_view SNAPSHOTTER KEY NAME: with a label, else a collection that somebody asks for meanwhile would take it. One that
# comes between the two commands does.
keep_view() {
  run_ctr snapshots --snapshotter "$1" view "$2" "$3" &&
    run_ctr snapshots --snapshotter "$1" label "$2" containerd.io/gc.root=view >/dev/null
}

# view SNAPSHOTTER NAME DIRECTORY: mounts a committed snapshot as containerd would.
view() {
  local snapshotter=$1 name=$2 directory=$3 key=view-${3//\//-}
  mkdir -p "$directory"
  await 20 "a view of $name that is not collected" keep_view "$snapshotter" "$key" "$name"
  # ctr prints the mount command. mount(8) would pass the options through fsconfig(2), which takes no value of more than 255
  # bytes, and a list of lower directories is longer.
  # shellcheck disable=SC2091
  LIBMOUNT_FORCE_MOUNT2=always $(run_ctr snapshots --snapshotter "$snapshotter" mounts "$directory" "$key")
}

# unview SNAPSHOTTER DIRECTORY
unview() {
  umount "$2"
  run_ctr snapshots --snapshotter "$1" rm "view-${2//\//-}"
}
