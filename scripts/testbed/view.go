package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/containerd/containerd/mount"
)

// view creates a view of a committed snapshot, mounts it, and prints its lower directories, the lowest first.
func view(arguments []string) error {
	flags := flag.NewFlagSet("view", flag.ExitOnError)
	address := flags.String("address", "", "`socket` of the snapshotter")
	flags.Parse(arguments)
	if flags.NArg() != 3 {
		return errors.New("expected a key, the name of a committed snapshot and a directory")
	}

	snapshotter, err := connect(*address)
	if err != nil {
		return err
	}
	mounts, err := snapshotter.View(context.Background(), flags.Arg(0), flags.Arg(1))
	if err != nil {
		return err
	}
	if err := mount.All(mounts, flags.Arg(2)); err != nil {
		return err
	}
	for _, each := range mounts {
		for _, option := range each.Options {
			if lowers, found := strings.CutPrefix(option, "lowerdir="); found {
				printReversed(strings.Split(lowers, ":"))
			}
		}
	}
	return nil
}

func printReversed(lines []string) {
	for i := len(lines) - 1; i >= 0; i-- {
		fmt.Println(lines[i])
	}
}
