package main

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// entry has the properties of a file that creating it needs.
type entry struct {
	name, target string
	kind         byte
	size         int64
	modified     time.Time
}

// floor does one part of unpacking alone, and prints its seconds of wall time and CPU time. The tars must be in memory; their
// entries are read before the clock starts.
func floor(arguments []string) error {
	flags := flag.NewFlagSet("floor", flag.ExitOnError)
	directory := flags.String("directory", "", "the `directory` to create files in")
	flags.Parse(arguments)
	if flags.NArg() < 2 {
		return errors.New("expected sha256, write, create or files, and uncompressed tars")
	}

	tars := flags.Args()[1:]
	layers := make([][]entry, len(tars))
	sizes := make([]int64, len(tars))
	for i, file := range tars {
		if err := eachEntry(file, func(header *tar.Header) {
			layers[i] = append(layers[i], entry{path.Clean("/" + header.Name), header.Linkname, header.Typeflag, header.Size, header.ModTime})
			sizes[i] += header.Size
		}); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	piece := make([]byte, pieceBytes)
	part := map[string]func(layer int) error{
		"sha256": func(layer int) error { return hashOnly(tars[layer]) },
		"write":  func(layer int) error { return writeOnly(layerDirectory(*directory, layer), sizes[layer], piece) },
		"create": func(layer int) error { return createOnly(layerDirectory(*directory, layer), layers[layer], nil) },
		"files":  func(layer int) error { return createOnly(layerDirectory(*directory, layer), layers[layer], piece) },
	}[flags.Arg(0)]
	if part == nil {
		return fmt.Errorf("unknown part %s", flags.Arg(0))
	}
	begin, spent := time.Now(), processorTime()
	for layer := range tars {
		if err := part(layer); err != nil {
			return err
		}
	}
	_, err := fmt.Printf("%.3f %.3f\n", time.Since(begin).Seconds(), (processorTime() - spent).Seconds())
	return err
}

func layerDirectory(directory string, layer int) string {
	return filepath.Join(directory, fmt.Sprint(layer))
}

func processorTime() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

const pieceBytes = 1 << 20

func hashOnly(file string) error {
	content, err := os.Open(file)
	if err != nil {
		return err
	}
	defer content.Close()
	_, err = io.CopyBuffer(sha256.New(), struct{ io.Reader }{content}, make([]byte, pieceBytes))
	return err
}

// writeOnly writes as many bytes as the files of a layer have, sequentially to one file.
func writeOnly(directory string, size int64, piece []byte) error {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(directory, "data"))
	if err != nil {
		return err
	}
	for rest := size; rest > 0; {
		length, err := file.Write(piece[:min(rest, pieceBytes)])
		if err != nil {
			return errors.Join(err, file.Close())
		}
		rest -= int64(length)
	}
	return file.Close()
}

// createOnly creates the files of a layer with the fewest calls: empty and with current times, or, with a piece of content, with
// their sizes and times. It ignores existing names and links to files of other layers, since the bulk is measured.
func createOnly(directory string, entries []entry, piece []byte) error {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	for _, entry := range entries {
		name := directory + entry.name
		err := create(directory, name, entry, piece)
		if errors.Is(err, syscall.ENOENT) && entry.kind != tar.TypeLink {
			if err := os.MkdirAll(path.Dir(name), 0o755); err != nil {
				return err
			}
			err = create(directory, name, entry, piece)
		}
		isExpected := errors.Is(err, syscall.EEXIST) || errors.Is(err, syscall.ENOENT) && entry.kind == tar.TypeLink
		if err != nil && !isExpected {
			return &os.PathError{Op: "create", Path: name, Err: err}
		}
	}
	return nil
}

func create(directory, name string, entry entry, piece []byte) error {
	switch entry.kind {
	case tar.TypeDir:
		return errors.Join(unix.Mkdir(name, 0o755), setTime(unix.AT_FDCWD, name, entry, piece))
	case tar.TypeSymlink:
		return errors.Join(unix.Symlink(entry.target, name), setTime(unix.AT_FDCWD, name, entry, piece))
	case tar.TypeLink:
		return unix.Link(directory+path.Clean("/"+entry.target), name)
	default:
		descriptor, err := unix.Open(name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
		if err != nil {
			return err
		}
		return errors.Join(fillFile(descriptor, entry.size, piece), setTime(descriptor, "", entry, piece), unix.Close(descriptor))
	}
}

// fillFile writes size bytes, or nothing without a piece.
func fillFile(descriptor int, size int64, piece []byte) error {
	for rest := size; rest > 0 && piece != nil; {
		length, err := unix.Write(descriptor, piece[:min(rest, int64(len(piece)))])
		if err != nil {
			return err
		}
		rest -= int64(length)
	}
	return nil
}

func setTime(descriptor int, name string, entry entry, piece []byte) error {
	if piece == nil {
		return nil
	}
	when := unix.NsecToTimespec(entry.modified.UnixNano())
	flags := unix.AT_SYMLINK_NOFOLLOW
	if name == "" {
		flags = unix.AT_EMPTY_PATH
	}
	return unix.UtimesNanoAt(descriptor, name, []unix.Timespec{when, when}, flags)
}
