// Command testbed is the other side of Gatun's socket in the test scripts: a peer to compare with, a client that
// makes load, and a way of writing down what a directory tree holds.
//
// It uses nothing but containerd's own packages and their dependencies, as Debian installs them.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

var commands = map[string]func(arguments []string) error{
	"calibrate": calibrate,
	"chain":     chain,
	"commit":    commit,
	"fill":      fill,
	"floor":     floor,
	"launch":    launch,
	"list":      list,
	"load":      load,
	"manifest":  manifest,
	"peer":      peer,
	"ping":      ping,
	"prepare":   prepare,
}

func main() {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintf(os.Stderr, "usage: %s calibrate|chain|commit|fill|floor|launch|list|load|manifest|peer|ping|prepare [-help]\n", filepath.Base(os.Args[0]))
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "testbed %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}
