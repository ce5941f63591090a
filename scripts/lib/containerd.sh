# A stock containerd with a private root, state and address, and Gatun as its plugin "gatun".
# shellcheck shell=bash

containerd_socket=/run/containerd/containerd.sock

# Further snapshotters, each with its socket.
declare -gA proxy_plugins=()

# yes enables the CRI plugin, which serves Kubernetes.
with_cri=no

# start_containerd ROOT: starts containerd and waits until it answers.
start_containerd() {
  local root=$1 name unneeded=
  mkdir -p "$root"
  [[ $with_cri == yes ]] || unneeded='"io.containerd.grpc.v1.cri", "io.containerd.nri.v1.nri",'
  cat >"$root/config.toml" <<TOML
version = 2
root = "$root/root"
state = "/run/containerd"
# These plugins use block devices.
disabled_plugins = [ $unneeded
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs",
]
[grpc]
  address = "$containerd_socket"
[plugins."io.containerd.internal.v1.opt"]
  path = "$root/opt"
# Collects garbage only at a test's request.
[plugins."io.containerd.gc.v1.scheduler"]
  deletion_threshold = 0
  mutation_threshold = 0
  startup_delay = "24h"
[proxy_plugins.gatun]
  type = "snapshot"
  address = "$gatun_socket"
TOML
  [[ ${own_differ:-no} == no ]] || cat >>"$root/config.toml" <<TOML
[proxy_plugins.gatun-diff]
  type = "diff"
  address = "$gatun_socket"
[plugins."io.containerd.service.v1.diff-service"]
  default = ["gatun-diff", "walking"]
[[plugins."io.containerd.transfer.v1.local".unpack_config]]
  platform = "linux/amd64"
  snapshotter = "gatun"
  differ = "gatun-diff"
[[plugins."io.containerd.transfer.v1.local".unpack_config]]
  platform = "linux/amd64"
  snapshotter = "overlayfs"
  differ = "walking"
TOML
  [[ $with_cri == no ]] || cat >>"$root/config.toml" <<TOML
[plugins."io.containerd.grpc.v1.cri"]
  stream_server_port = "0"
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "${snapshotter:-gatun}"
TOML
  for name in "${!proxy_plugins[@]}"; do
    printf '[proxy_plugins.%s]\n  type = "snapshot"\n  address = "%s"\n' "$name" "${proxy_plugins[$name]}"
  done >>"$root/config.toml"
  start containerd containerd --config "$root/config.toml"
  await 30 "containerd to answer" containerd_answers || {
    show_log containerd
    return 1
  }
}

containerd_answers() { is_running containerd && run_ctr version >/dev/null 2>&1; }

# run_ctr ARGUMENT...: containerd's command line client.
run_ctr() { ctr --address "$containerd_socket" "$@"; }

# pull_by_cri IMAGE: pulls an image like the kubelet, and prints its id.
pull_by_cri() { "$testbed" cri-pull --address "$containerd_socket" "$1"; }
