# Builds the Go programs on the other side of Gatun's socket.
#
# They are built in GOPATH mode from the sources of Debian's packages: nothing is downloaded, and the sources are those of the
# containerd that the tests run.
# shellcheck shell=bash

go_sources=/usr/share/gocode

# build_go KIND DIRECTORY OUTPUT: KIND is "program" or "test".
build_go() {
  local kind=$1 directory=$2 output=$3 command=(build)
  [[ $kind == test ]] && command=(test -c)
  mkdir -p "$(dirname "$output")"
  (
    cd "$directory" || exit
    GO111MODULE=off GOFLAGS='' GOPATH=$go_sources CGO_ENABLED=1 go "${command[@]}" -o "$output" .
  )
}
