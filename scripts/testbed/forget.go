package main

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// EXT4_IOC_SHUTDOWN equals XFS_IOC_GOINGDOWN, and so do the flags that suppress all further writes, even of the journal
// (linux/fs/ext4/ext4.h, linux/fs/xfs/libxfs/xfs_fs.h).
const (
	shutdown           = 0x8004587d
	shutdownNoLogFlush = 2
)

// forget makes a filesystem discard unwritten data. Afterwards it can only be unmounted.
func forget(arguments []string) error {
	if len(arguments) != 1 {
		return errors.New("expected a directory")
	}
	directory, err := os.Open(arguments[0])
	if err != nil {
		return err
	}
	defer directory.Close()
	if err := unix.IoctlSetPointerInt(int(directory.Fd()), shutdown, shutdownNoLogFlush); err != nil {
		return &os.PathError{Op: "shut down", Path: arguments[0], Err: err}
	}
	return nil
}
