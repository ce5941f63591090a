package main

import (
	"context"
	"os"

	"github.com/containerd/containerd/archive"
)

// diff makes a layer as containerd's walking differ does, with its package archive:
//
//	diff LOWER UPPER TAR   of what is mounted at UPPER, compared with what is mounted at LOWER
func diff(request []string) error {
	arguments := request[1:]
	tar, err := os.Create(text(arguments[2]))
	if err != nil {
		return err
	}
	defer tar.Close()
	if err := archive.WriteDiff(context.Background(), tar, text(arguments[0]), text(arguments[1])); err != nil {
		return err
	}
	return tar.Close()
}
