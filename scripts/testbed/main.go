// Command testbed is the other side of Gatun's socket in the test scripts: a peer to compare with, clients that create load, and
// a listing of directory trees for comparison.
//
// It only uses containerd's packages and their dependencies, as Debian installs them.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

var commands = map[string]func(arguments []string) error{
	"apply":           apply,
	"calibrate":       calibrate,
	"chain":           chain,
	"commit":          commit,
	"cri-pull":        criPull,
	"cri-remove":      criRemove,
	"fill":            fill,
	"floor":           floor,
	"forget":          forget,
	"launch":          launch,
	"list":            list,
	"load":            load,
	"manifest":        manifest,
	"peer":            peer,
	"ping":            ping,
	"prepare":         prepare,
	"unpack-at-once":  unpackAtOnce,
	"unpack-in-order": unpackInOrder,
	"view":            view,
}

func main() {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		names := make([]string, 0, len(commands))
		for name := range commands {
			names = append(names, name)
		}
		sort.Strings(names)
		fmt.Fprintf(os.Stderr, "usage: %s %s [-help]\n", filepath.Base(os.Args[0]), strings.Join(names, "|"))
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "testbed %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}
