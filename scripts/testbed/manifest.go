package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// manifest prints a line for every file below a directory with the properties that comparisons of trees use: type, mode, owner,
// size, content, device number, link target, extended attributes, hardlink group and modification time. Two trees are equal if
// their manifests are.
//
// The time of a directory counts only if the last layer with files in it has an entry for it: otherwise it is the time of
// unpacking. The same holds for the root, whose entries in layers have no effect.
func manifest(arguments []string) error {
	flags := flag.NewFlagSet("manifest", flag.ExitOnError)
	raw := flags.Bool("raw", false, "the directory is one layer of an overlay, so its opaque marks count")
	mapped := flags.Bool("mapped", false, "read content through memory mappings")
	var layers []string
	flags.Func("layer", "tar or tar.gz `file` that the tree was unpacked from; repeat from the lowest up",
		func(file string) error { layers = append(layers, file); return nil })
	flags.Parse(arguments)
	if flags.NArg() != 1 {
		return errors.New("expected one directory")
	}

	named, err := directoriesNamedLast(layers)
	if err != nil {
		return err
	}
	reading := reading{raw: *raw, digest: digestOf}
	if *mapped {
		reading.digest = digestOfMapping
	}
	return printTree(flags.Arg(0), named, reading)
}

// reading selects how files are read.
type reading struct {
	raw    bool
	digest func(file string) (string, error)
}

// directoriesNamedLast returns for each directory whether the last layer with entries at or below it has an entry for the
// directory itself.
func directoriesNamedLast(layers []string) (map[string]bool, error) {
	named := map[string]bool{}
	for _, layer := range layers {
		inLayer, err := directoriesOf(layer)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", layer, err)
		}
		for directory, isNamed := range inLayer {
			named[directory] = isNamed
		}
	}
	return named, nil
}

// layerCache is a directory with a cached list of directories for each layer. The end-to-end cases compare the same few layers
// many hundred times, and so decompress each of them once.
var layerCache = os.Getenv("GATUN_LAYER_CACHE")

// Only blobs in a content store have their digest as name, which identifies the content.
var digestName = regexp.MustCompile("^[0-9a-f]{64}$")

// directoriesOf returns the directories of a layer, and whether the layer has an entry for each.
func directoriesOf(layer string) (map[string]bool, error) {
	name := filepath.Base(layer)
	if layerCache == "" || !digestName.MatchString(name) {
		return readDirectories(layer)
	}
	directories := map[string]bool{}
	cached := filepath.Join(layerCache, name)
	if file, err := os.Open(cached); err == nil {
		defer file.Close()
		return directories, gob.NewDecoder(bufio.NewReader(file)).Decode(&directories)
	}
	directories, err := readDirectories(layer)
	if err != nil {
		return nil, err
	}
	var content bytes.Buffer
	if err := gob.NewEncoder(&content).Encode(directories); err != nil {
		return nil, err
	}
	// Other cases may read the cache concurrently.
	unfinished := fmt.Sprintf("%s.%d.%d", cached, os.Getpid(), time.Now().UnixNano())
	if err := os.WriteFile(unfinished, content.Bytes(), 0o644); err != nil {
		return nil, err
	}
	return directories, os.Rename(unfinished, cached)
}

func readDirectories(layer string) (map[string]bool, error) {
	inLayer := map[string]bool{}
	err := eachEntry(layer, func(header *tar.Header) {
		name := path.Clean("/" + header.Name)
		if header.Typeflag == tar.TypeDir && name != "/" {
			inLayer[name] = true
		}
		for directory := path.Dir(name); directory != "/"; directory = path.Dir(directory) {
			if !inLayer[directory] {
				inLayer[directory] = false
			}
		}
	})
	return inLayer, err
}

func eachEntry(layer string, visit func(header *tar.Header)) error {
	file, err := os.Open(layer)
	if err != nil {
		return err
	}
	defer file.Close()
	buffered := bufio.NewReaderSize(file, 1<<20)
	var stream io.Reader = buffered
	if magic, _ := buffered.Peek(2); string(magic) == "\x1f\x8b" {
		if stream, err = gzip.NewReader(buffered); err != nil {
			return err
		}
	}
	for reader := tar.NewReader(stream); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		visit(header)
	}
}

type inode struct{ device, number uint64 }

func printTree(root string, named map[string]bool, reading reading) error {
	output := bufio.NewWriter(os.Stdout)
	names, err := countNames(root)
	if err != nil {
		return err
	}
	firstNames := map[inode]string{}
	// WalkDir visits names in order, so equal trees have the same first name in each hardlink group.
	err = filepath.WalkDir(root, func(file string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := path.Clean("/" + strings.TrimPrefix(file, root))
		line, err := describe(file, name, named, reading, names, firstNames)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(output, "%q %s\n", name, line)
		return err
	})
	if err != nil {
		return err
	}
	return output.Flush()
}

// countNames counts the names of each file in a tree. The link count of overlay includes names that an upper layer has removed.
func countNames(root string) (map[inode]int, error) {
	names := map[inode]int{}
	err := filepath.WalkDir(root, func(file string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var stat unix.Stat_t
		if err := unix.Lstat(file, &stat); err != nil {
			return &fs.PathError{Op: "lstat", Path: file, Err: err}
		}
		names[inode{stat.Dev, stat.Ino}]++
		return nil
	})
	return names, err
}

func describe(file, name string, named map[string]bool, reading reading, names map[inode]int, firstNames map[inode]string) (string, error) {
	var stat unix.Stat_t
	if err := unix.Lstat(file, &stat); err != nil {
		return "", &fs.PathError{Op: "lstat", Path: file, Err: err}
	}
	fields := []string{fmt.Sprintf("mode=%06o owner=%d:%d", stat.Mode, stat.Uid, stat.Gid)}
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		digest, err := reading.digest(file)
		if err != nil {
			return "", err
		}
		fields = append(fields, fmt.Sprintf("size=%d sha256=%s", stat.Size, digest))
	case unix.S_IFLNK:
		target, err := os.Readlink(file)
		if err != nil {
			return "", err
		}
		fields = append(fields, fmt.Sprintf("target=%q", target))
	case unix.S_IFBLK, unix.S_IFCHR:
		fields = append(fields, fmt.Sprintf("device=%d:%d", unix.Major(stat.Rdev), unix.Minor(stat.Rdev)))
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		key := inode{stat.Dev, stat.Ino}
		if names[key] > 1 && !isWhiteout(&stat) {
			if _, known := firstNames[key]; !known {
				firstNames[key] = name
			}
			fields = append(fields, fmt.Sprintf("group=%q", firstNames[key]))
		}
	}
	if (stat.Mode&unix.S_IFMT != unix.S_IFDIR || named[name]) && !isWhiteout(&stat) {
		fields = append(fields, fmt.Sprintf("mtime=%d.%09d", stat.Mtim.Sec, stat.Mtim.Nsec))
	}
	attributes, err := attributesOf(file, reading.raw)
	if err != nil {
		return "", err
	}
	return strings.Join(append(fields, attributes...), " "), nil
}

// isWhiteout recognises the device with which overlay hides a name. Its time and links belong to the overlay.
func isWhiteout(stat *unix.Stat_t) bool {
	return stat.Mode&unix.S_IFMT == unix.S_IFCHR && stat.Rdev == 0
}

func digestOf(file string) (string, error) {
	content, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer content.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, content); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", hash.Sum(nil)), nil
}

func digestOfMapping(file string) (string, error) {
	content, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer content.Close()
	status, err := content.Stat()
	if err != nil || status.Size() == 0 {
		// An empty file cannot be mapped.
		return fmt.Sprintf("%x", sha256.Sum256(nil)), err
	}
	bytes, err := unix.Mmap(int(content.Fd()), 0, int(status.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return "", &fs.PathError{Op: "mmap", Path: file, Err: err}
	}
	defer unix.Munmap(bytes)
	return fmt.Sprintf("%x", sha256.Sum256(bytes)), nil
}

// attributesOf omits overlay's own attributes, except the opaque mark of a layer's directory.
func attributesOf(file string, raw bool) ([]string, error) {
	names := make([]byte, 64<<10)
	length, err := unix.Llistxattr(file, names)
	if err != nil {
		return nil, &fs.PathError{Op: "llistxattr", Path: file, Err: err}
	}
	var attributes []string
	for _, name := range strings.Split(strings.TrimSuffix(string(names[:length]), "\x00"), "\x00") {
		isOpaque := raw && (name == "trusted.overlay.opaque" || name == "user.overlay.opaque")
		if name == "" || !isOpaque &&
			(strings.HasPrefix(name, "trusted.overlay.") || strings.HasPrefix(name, "user.overlay.")) {
			continue
		}
		value := make([]byte, 64<<10)
		size, err := unix.Lgetxattr(file, name, value)
		if err != nil {
			return nil, &fs.PathError{Op: "lgetxattr " + name, Path: file, Err: err}
		}
		attributes = append(attributes, fmt.Sprintf("xattr:%q=%x", name, value[:size]))
	}
	sort.Strings(attributes)
	return attributes, nil
}
