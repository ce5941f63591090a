# A registry on loopback.
# shellcheck shell=bash

# start_registry DIRECTORY [writable]: serves what the directory holds. Sets $registry to its host and port.
start_registry() {
  local directory=$1 readonly=true
  [[ ${2:-} == writable ]] && readonly=false
  cat >/tmp/registry.yaml <<YAML
version: 0.1
log: {level: info, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: $directory}
  maintenance: {uploadpurging: {enabled: false}, readonly: {enabled: $readonly}}
http: {addr: "127.0.0.1:0"}
YAML
  rm -f "$logs/registry.log"
  start registry docker-registry serve /tmp/registry.yaml
  await 30 "the registry to listen" registry_listens || {
    show_log registry
    return 1
  }
}

# The kernel chooses the port, and the registry logs it.
registry_listens() {
  is_running registry || return 1
  registry=$(sed -n 's/.*listening on \(127\.0\.0\.1:[0-9]*\).*/\1/p' "$logs/registry.log" | head -n 1)
  [[ -n $registry ]]
}
