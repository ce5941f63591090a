# A registry on loopback.
# shellcheck shell=bash

# For SSL_CERT_FILE of programs that must trust the registry.
registry_certificate=/tmp/registry.pem

# start_registry DIRECTORY [writable|certified]: serves the directory. Sets $registry to its host and port.
start_registry() {
  local directory=$1 readonly=true tls=
  [[ ${2:-} == writable ]] && readonly=false
  if [[ ${2:-} == certified ]]; then
    openssl req -x509 -newkey ed25519 -nodes -keyout /tmp/registry.key -out "$registry_certificate" -days 1 \
      -subj /CN=registry -addext subjectAltName=IP:127.0.0.1 2>/dev/null
    tls=", tls: {certificate: $registry_certificate, key: /tmp/registry.key}"
  fi
  cat >/tmp/registry.yaml <<YAML
version: 0.1
log: {level: info, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: $directory}
  maintenance: {uploadpurging: {enabled: false}, readonly: {enabled: $readonly}}
http: {addr: "127.0.0.1:0"$tls}
YAML
  rm -f "$logs/registry.log"
  start registry docker-registry serve /tmp/registry.yaml
  await 30 "the registry to listen" registry_listens || {
    show_log registry
    return 1
  }
}

# The kernel selects the port, and the registry logs it.
registry_listens() {
  is_running registry || return 1
  registry=$(sed -n 's/.*listening on \(127\.0\.0\.1:[0-9]*\).*/\1/p' "$logs/registry.log" | head -n 1)
  [[ -n $registry ]]
}
