# Contenders: each is a containerd with a snapshotter and a differ that unpacks, pulls and removes images.
#
#   overlayfs        containerd's overlay snapshotter and its own differ, with pigz
#   overlayfs-igzip  the same, with igzip instead of pigz, as newer releases have it
#   native           containerd's native snapshotter and its own differ
#   gatun            Gatun with its own differ
#   gatun-unsynced   the same with layer_sync = "none": like the others it leaves syncing to the kernel
#   gatun-indexed, gatun-indexed-unsynced  the same two with indexed layers
#   gatun-background  gatun-indexed with layer_sync = "background": commits are answered before the sync
#   gatun-walking    Gatun's snapshotter with containerd's differ
#   gatun-native     Gatun's native driver with its own differ
#   stargz, soci, nydus  snapshotters for lazy pulling, which unpack ordinary images with containerd's differ
# shellcheck shell=bash

# containerd releases newer than Debian's prefer igzip, called with the arguments of unpigz.
igzip_path=/tmp/igzip

# lacks CONTENDER: prints the reason why this machine cannot run the contender, if there is one.
lacks() {
  case $1 in
    overlayfs | native | gatun*) ;;
    overlayfs-igzip) command -v igzip >/dev/null || say "igzip is not installed" ;;
    stargz) command -v containerd-stargz-grpc >/dev/null || say "containerd-stargz-grpc is not installed (Debian's stargz-snapshotter has only its client)" ;;
    soci) command -v soci-snapshotter-grpc >/dev/null || say "soci-snapshotter-grpc is not installed (package soci-snapshotter)" ;;
    nydus) command -v containerd-nydus-grpc >/dev/null || say "containerd-nydus-grpc is not installed (package nydus-snapshotter)" ;;
    *) die "unknown contender $1" ;;
  esac
}

# present NAME...: sets $contenders to those that this machine can run, and records the others.
present() {
  local name reason
  contenders=()
  for name; do
    [[ -z ${against:-} || $name == gatun* ]] || continue
    reason=$(lacks "$name")
    if [[ -z $reason ]]; then
      contenders+=("$name")
    else
      leave_out "$name" "$reason"
    fi
  done
}

# leave_out NAME REASON: reports and records a missing contender.
leave_out() {
  warn "MISSING in $suite: $1: $2"
  printf 'missing.%s.%s=%s\n' "$suite" "$1" "$2" >>"$results/environment"
}

# A JVM reaches full speed after many thousand calls, as in a daemon that has run for weeks; compiled code needs few.
declare -gA lives_of_warming=([gatun]=16000 [peer]=800)

# warm_up: runs that many lives.
warm_up() { "$testbed" load --address "$gatun_socket" --clients 16 --lives $((lives_of_warming[$contender] / 16)) >/dev/null; }

# start_proxy NAME COMMAND...: starts a third-party snapshotter with the socket /run/NAME.sock.
start_proxy() {
  local name=$1
  shift
  proxy_plugins[$name]=/run/$name.sock
  start "$name" "$@"
  await 30 "$name to answer" "$testbed" ping --address "/run/$name.sock" 2>/dev/null || {
    show_log "$name"
    return 1
  }
  daemons+=("${pids[$name]}")
}

# start_contender NAME: starts its daemons on $volume. Sets $snapshotter to its name in containerd, and $daemons to the process
# ids. If $temperature is cold, Gatun does not warm up.
start_contender() {
  local path=$PATH driver=overlay
  own_differ=no
  snapshotter=gatun
  proxy_plugins=()
  daemons=()
  printf 'containerd_address = "%s"\ncontainerd_root = "%s"\n' "$containerd_socket" "$volume/containerd/root" >/tmp/gatun.toml
  [[ ${temperature:-} != cold ]] || say 'warm_up = false' >>/tmp/gatun.toml
  case $1 in
    overlayfs | native) snapshotter=$1 ;;
    overlayfs-igzip)
      snapshotter=overlayfs path=$igzip_path:$PATH
      mkdir -p "$igzip_path"
      ln -sf "$(command -v igzip)" "$igzip_path/unpigz"
      ;;
    gatun-walking) ;;
    gatun | gatun-native) own_differ=yes ;;
    gatun-unsynced)
      own_differ=yes
      say 'layer_sync = "none"' >>/tmp/gatun.toml
      ;;
    gatun-indexed | gatun-indexed-unsynced | gatun-background)
      own_differ=yes
      say 'layers = "indexed"' >>/tmp/gatun.toml
      [[ $1 != *-unsynced ]] || say 'layer_sync = "none"' >>/tmp/gatun.toml
      [[ $1 != *-background ]] || say 'layer_sync = "background"' >>/tmp/gatun.toml
      ;;
    soci) snapshotter=$1 && start_soci ;;
    nydus) snapshotter=$1 && start_nydus ;;
    stargz) snapshotter=$1 && start_stargz ;;
  esac
  [[ $1 != gatun-native ]] || driver=native
  if [[ $snapshotter == gatun ]]; then
    start_gatun "$volume/gatun" --config /tmp/gatun.toml --driver "$driver"
    daemons+=("${pids[gatun]}")
  fi
  PATH=$path start_containerd "$volume/containerd"
  daemons+=("${pids[containerd]}")
}

# await_warm: waits until a Gatun that was just started has completed its warm-up. The peer and other snapshotters have none.
await_warm() {
  [[ $(readlink "/proc/${pids[gatun]:-none}/exe") == */java ]] || return 0
  await 60 "Gatun to be warm" is_warm
}

is_warm() { sed -n "/ serving .* pid=${pids[gatun]} /,\$p" "$logs/gatun.log" | grep -Eq ' JitWarmUp (warm|cannot)'; }

start_soci() {
  : >/tmp/soci.toml
  start_proxy soci soci-snapshotter-grpc --config /tmp/soci.toml --root "$volume/soci" --address /run/soci.sock
}

start_stargz() {
  : >/tmp/stargz.toml
  start_proxy stargz containerd-stargz-grpc --config /tmp/stargz.toml --root "$volume/stargz" --address /run/stargz.sock
}

# Runs without the daemon for lazy pulling, which Debian does not have, but needs that daemon's configuration nevertheless.
start_nydus() {
  say '{"device": {"backend": {"type": "registry", "config": {}}, "cache": {"type": "blobcache"}}, "mode": "direct"}' >/tmp/nydusd.json
  start_proxy nydus containerd-nydus-grpc --daemon-mode none --nydusd-config /tmp/nydusd.json --log-to-stdout \
    --root "$volume/nydus" --address /run/nydus.sock
}

# count_committed: how many committed snapshots the contender has.
count_committed() { run_ctr snapshots --snapshotter "$snapshotter" ls | awk 'NR > 1 && $NF == "Committed"' | wc -l; }

# require_tars IMAGE: checks that a contender with indexed layers has unpacked no layer into a directory.
require_tars() {
  local config diff_ids diff_id
  case $contender in
    gatun-indexed* | gatun-background) ;;
    *) return 0 ;;
  esac
  config=$(run_ctr content get "$(digest_of "$1")" | jq -r .config.digest)
  diff_ids=$(run_ctr content get "$config" | jq -r '.rootfs.diff_ids[]')
  for diff_id in $diff_ids; do
    [[ -s $volume/gatun/layers/${diff_id#sha256:}/tar ]] || die "$contender has not indexed layer $diff_id of $1"
  done
}

# --- content

# start_registries: starts a registry for the warm-up images and one for the measured images.
start_registries() {
  [[ -z ${small_registry:-} ]] || return 0
  start_registry "$small_image"
  small_registry=$registry
  pids[small-registry]=${pids[registry]}
  start_registry "$large_image"
}

# A content store with all images, shared read-only by the containerds of many runs.
content_kept=/tmp/content
content_plugin=io.containerd.content.v1.content
metadata_plugin=io.containerd.metadata.v1.bolt

# keep_content DIRECTORY IMAGE...: fetches the images from a registry that serves the directory.
keep_content() {
  local directory=$1 image
  shift
  own_differ=no proxy_plugins=()
  mkdir -p "$content_kept"
  start_registry "$directory"
  start_containerd "$content_kept"
  for image; do
    run_ctr content fetch --plain-http "$registry/$image" >/dev/null
    run_ctr images tag --force "$registry/$image" "$image" >/dev/null
    run_ctr images rm "$registry/$image" >/dev/null
  done
  stop containerd >/dev/null || true
  stop registry >/dev/null || true
}

# lay_out_metadata: copies the metadata of the shared content for a containerd that is about to start on $volume.
lay_out_metadata() {
  local root=$volume/containerd/root
  mkdir -p "$root/$content_plugin" "$root/$metadata_plugin"
  cp "$content_kept/root/$metadata_plugin/meta.db" "$root/$metadata_plugin/"
}

# lay_out_content: the same, with the blobs.
lay_out_content() {
  lay_out_metadata
  mount --bind "$content_kept/root/$content_plugin" "$volume/containerd/root/$content_plugin"
}

# digest_of IMAGE: prints the digest of its manifest.
digest_of() { run_ctr images ls "name==$1" | awk 'NR == 2 { print $3 }'; }

# blobs_of IMAGE: prints the files of its layers in the shared store, the lowest first.
blobs_of() {
  local digest
  run_ctr content get "$(digest_of "$1")" | jq -r '.layers[].digest' |
    while read -r digest; do say "$content_kept/root/$content_plugin/blobs/${digest/://}"; done
}
