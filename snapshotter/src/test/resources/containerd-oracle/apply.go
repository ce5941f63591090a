package main

import (
	"context"
	"errors"
	"os"

	"github.com/containerd/containerd/archive"
)

// apply writes a layer with containerd's package archive, in the two ways in which containerd does so (its package
// diff/apply):
//
//	apply-overlay ROOT TAR PARENTS   to the upper directory of an overlay, parents nearest first
//	apply-copy ROOT TAR              to what is mounted by anything else
func apply(request []string) error {
	arguments := request[1:]
	tar, err := os.Open(text(arguments[1]))
	if err != nil {
		return err
	}
	defer tar.Close()
	var options []archive.ApplyOpt
	switch request[0] {
	case "apply-overlay":
		options = append(options, archive.WithConvertWhiteout(archive.OverlayConvertWhiteout))
		if parents := texts(arguments[2]); len(parents) > 0 {
			options = append(options, archive.WithParents(parents))
		}
	case "apply-copy":
	default:
		return errors.New("unknown request " + request[0])
	}
	_, err = archive.Apply(context.Background(), text(arguments[0]), tar, options...)
	return err
}
