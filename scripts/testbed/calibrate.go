package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	calibrationBytes     = 64 << 20
	diskCalibrationBytes = 32 << 20
)

// calibrate prints how many milliseconds two fixed amounts of work take: one that uses all processors, and one that uses the disk
// of a directory. On a quiet machine both are constant.
func calibrate(arguments []string) error {
	if len(arguments) != 1 {
		return errors.New("expected a directory")
	}
	processors := millisecondsOf(useProcessors)
	var err error
	disk := millisecondsOf(func() { err = useDisk(arguments[0]) })
	if err != nil {
		return err
	}
	_, err = fmt.Printf("%.2f %.2f\n", processors, disk)
	return err
}

func millisecondsOf(work func()) float64 {
	begin := time.Now()
	work()
	return 1000 * time.Since(begin).Seconds()
}

func useProcessors() {
	piece := make([]byte, pieceBytes)
	var running sync.WaitGroup
	for range runtime.NumCPU() {
		running.Add(1)
		go func() {
			defer running.Done()
			hash := sha256.New()
			for range calibrationBytes / pieceBytes {
				hash.Write(piece)
			}
		}()
	}
	running.Wait()
}

// useDisk bypasses the page cache, which requires page-aligned memory.
func useDisk(directory string) error {
	piece, err := unix.Mmap(-1, 0, pieceBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return fmt.Errorf("map a piece: %w", err)
	}
	defer unix.Munmap(piece)
	descriptor, err := unix.Open(directory, unix.O_TMPFILE|unix.O_WRONLY|unix.O_DIRECT, 0o600)
	if err != nil {
		return &os.PathError{Op: "open an unnamed file", Path: directory, Err: err}
	}
	defer unix.Close(descriptor)
	for range diskCalibrationBytes / pieceBytes {
		if _, err := unix.Write(descriptor, piece); err != nil {
			return &os.PathError{Op: "write", Path: directory, Err: err}
		}
	}
	if err := unix.Fdatasync(descriptor); err != nil {
		return &os.PathError{Op: "fdatasync", Path: directory, Err: err}
	}
	return nil
}
