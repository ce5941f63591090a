package conformance

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	diffapi "github.com/containerd/containerd/api/services/diff/v1"
	"github.com/containerd/containerd/content"
	contentproxy "github.com/containerd/containerd/content/proxy"
	"github.com/containerd/containerd/diff"
	diffproxy "github.com/containerd/containerd/diff/proxy"
	"github.com/containerd/containerd/mount"
	"github.com/containerd/containerd/namespaces"
	"github.com/containerd/containerd/snapshots"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

// onBase puts every snapshot without a parent on a base with no visible files. The suite's own layers are not unpacked from tars,
// so this gives all of them indexed layers below.
type onBase struct {
	snapshots.Snapshotter
	base string
}

func (s onBase) Prepare(ctx context.Context, key, parent string, options ...snapshots.Opt) ([]mount.Mount, error) {
	return s.Snapshotter.Prepare(ctx, key, s.shown(parent), options...)
}

func (s onBase) View(ctx context.Context, key, parent string, options ...snapshots.Opt) ([]mount.Mount, error) {
	return s.Snapshotter.View(ctx, key, s.shown(parent), options...)
}

func (s onBase) Stat(ctx context.Context, key string) (snapshots.Info, error) {
	info, err := s.Snapshotter.Stat(ctx, key)
	return s.hidden(info), err
}

func (s onBase) Update(ctx context.Context, info snapshots.Info, fields ...string) (snapshots.Info, error) {
	updated, err := s.Snapshotter.Update(ctx, info, fields...)
	return s.hidden(updated), err
}

func (s onBase) Walk(ctx context.Context, visit snapshots.WalkFunc, filters ...string) error {
	// The suite's only filter on parents.
	for i := range filters {
		filters[i] = strings.ReplaceAll(filters[i], `parent!=""`, fmt.Sprintf("parent!=%q", s.base))
	}
	return s.Snapshotter.Walk(ctx, func(ctx context.Context, info snapshots.Info) error {
		return visit(ctx, s.hidden(info))
	}, filters...)
}

func (s onBase) shown(parent string) string {
	if parent == "" {
		return s.base
	}
	return parent
}

func (s onBase) hidden(info snapshots.Info) snapshots.Info {
	if info.Parent == s.base {
		info.Parent = ""
	}
	return info
}

// makeBase unpacks two layers, the second of which hides the first, and returns the name of the upper one. It fails unless both
// are mounted from indexes.
func makeBase(t *testing.T, snapshotter snapshots.Snapshotter) string {
	t.Helper()
	ctx := namespaces.WithNamespace(context.Background(), "testsuite")
	blobs := contentproxy.NewContentStore(contentapi.NewContentClient(dial(t, *containerd)))
	differ := diffproxy.NewDiffApplier(diffapi.NewDiffClient(dial(t, *address))).(diff.Applier)
	parent := ""
	for _, layer := range []struct{ name, file string }{{"base of the suite", "file"}, {"whiteout of the base", ".wh.file"}} {
		key := extractionKey(layer.name)
		blob := writeLayer(ctx, t, blobs, layer.file)
		mounts, err := snapshotter.Prepare(ctx, key, parent)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := differ.Apply(ctx, blob, mounts); err != nil {
			t.Fatal(err)
		}
		if err := snapshotter.Commit(ctx, layer.name, key); err != nil {
			t.Fatal(err)
		}
		parent = layer.name
	}
	requireIndexed(ctx, t, snapshotter, parent)
	return parent
}

// extractionKey returns a key like those of containerd's unpackers, by which Gatun recognises a snapshot for a layer. containerd
// prefixes keys with namespace and number.
func extractionKey(name string) string {
	key := "extract-123456789-abcd " + name
	if *address == *containerd {
		return key
	}
	return "testsuite/0/" + key
}

// writeLayer stores a tar with one empty file in containerd.
func writeLayer(ctx context.Context, t *testing.T, blobs content.Store, file string) ocispec.Descriptor {
	t.Helper()
	var layer bytes.Buffer
	writer := tar.NewWriter(&layer)
	if err := writer.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: file, Mode: 0644}); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	blob := ocispec.Descriptor{
		MediaType: ocispec.MediaTypeImageLayer,
		Digest:    digest.FromBytes(layer.Bytes()),
		Size:      int64(layer.Len()),
	}
	if err := content.WriteBlob(ctx, blobs, file, &layer, blob); err != nil {
		t.Fatal(err)
	}
	return blob
}

func requireIndexed(ctx context.Context, t *testing.T, snapshotter snapshots.Snapshotter, name string) {
	t.Helper()
	key := "view of " + name
	mounts, err := snapshotter.View(ctx, key, name)
	if err != nil {
		t.Fatal(err)
	}
	lowers := lowersOf(mounts)
	if len(lowers) != 2 {
		t.Fatalf("expected two lower directories, got %v", mounts)
	}
	for _, lower := range lowers {
		var filesystem unix.Statfs_t
		if err := unix.Statfs(lower, &filesystem); err != nil {
			t.Fatalf("statfs %s: %v", lower, err)
		}
		if filesystem.Type != unix.EROFS_SUPER_MAGIC_V1 {
			t.Fatalf("%s has a filesystem of type %#x, not an index", lower, filesystem.Type)
		}
	}
	if err := snapshotter.Remove(ctx, key); err != nil {
		t.Fatal(err)
	}
}

func lowersOf(mounts []mount.Mount) []string {
	for _, each := range mounts {
		for _, option := range each.Options {
			if lowers, found := strings.CutPrefix(option, "lowerdir="); found {
				return strings.Split(lowers, ":")
			}
		}
	}
	return nil
}
