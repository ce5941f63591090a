package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"sync"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	diffapi "github.com/containerd/containerd/api/services/diff/v1"
	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/content"
	contentproxy "github.com/containerd/containerd/content/proxy"
	"github.com/containerd/containerd/diff"
	diffapply "github.com/containerd/containerd/diff/apply"
	diffproxy "github.com/containerd/containerd/diff/proxy"
	"github.com/containerd/containerd/errdefs"
	"github.com/containerd/containerd/mount"
	"github.com/containerd/containerd/namespaces"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
)

// unpackAtOnce unpacks an image from containerd like the unpacker of containerd 2.2 with a snapshotter that has the capability
// rebase: it prepares a snapshot without a parent for each layer, applies all layers concurrently, and commits them in order,
// each with its parent. It prints the names of the committed snapshots, which containerd does not know, the lowest first.
func unpackAtOnce(arguments []string) error {
	flags := flag.NewFlagSet("unpack-at-once", flag.ExitOnError)
	address := flags.String("address", "", "`socket` of the snapshotter")
	contentAddress := flags.String("containerd", "", "`socket` of containerd, which has the blobs")
	differ := flags.String("differ", "", "the `differ`: proxy, the one on the snapshotter's socket; or walking, containerd's own")
	flags.Parse(arguments)
	if flags.NArg() != 1 {
		return errors.New("expected the digest of a manifest")
	}

	ctx := namespaces.WithNamespace(context.Background(), namespaces.Default)
	connection, err := dial(*address)
	if err != nil {
		return err
	}
	defer connection.Close()
	contentConnection, err := dial(*contentAddress)
	if err != nil {
		return err
	}
	defer contentConnection.Close()
	blobs := contentproxy.NewContentStore(contentapi.NewContentClient(contentConnection))
	var applier diff.Applier
	switch *differ {
	case "proxy":
		applier = diffproxy.NewDiffApplier(diffapi.NewDiffClient(connection)).(diff.Applier)
	case "walking":
		applier = diffapply.NewFileSystemApplier(blobs)
	default:
		return fmt.Errorf("unknown differ %q", *differ)
	}
	layers, err := layersOf(ctx, blobs, digest.Digest(flags.Arg(0)), *differ)
	if err != nil {
		return err
	}
	if err := applyAll(ctx, connection, applier, layers); err != nil {
		return err
	}
	return commitAll(ctx, connection, layers)
}

// extraction is a layer and the snapshot that it is unpacked into.
type extraction struct {
	blob      ocispec.Descriptor
	diffID    digest.Digest
	key, name string
}

// layersOf returns the layers of an image, with keys and names like those of containerd's unpackers.
func layersOf(ctx context.Context, blobs content.Provider, manifestDigest digest.Digest, prefix string) ([]extraction, error) {
	var manifest ocispec.Manifest
	if err := readJSON(ctx, blobs, manifestDigest, &manifest); err != nil {
		return nil, err
	}
	var image ocispec.Image
	if err := readJSON(ctx, blobs, manifest.Config.Digest, &image); err != nil {
		return nil, err
	}
	diffIDs := image.RootFS.DiffIDs
	if len(diffIDs) != len(manifest.Layers) {
		return nil, fmt.Errorf("%s has %d layers and %d diff ids", manifestDigest, len(manifest.Layers), len(diffIDs))
	}
	var layers []extraction
	for i, blob := range manifest.Layers {
		chain := identity.ChainID(diffIDs[:i+1])
		layers = append(layers, extraction{
			blob:   blob,
			diffID: diffIDs[i],
			key:    fmt.Sprintf("%s/%d/extract-123456789-abcd %s", prefix, i+1, chain),
			name:   fmt.Sprintf("%s/0/%s", prefix, chain),
		})
	}
	return layers, nil
}

func readJSON(ctx context.Context, blobs content.Provider, blob digest.Digest, value any) error {
	text, err := content.ReadBlob(ctx, blobs, ocispec.Descriptor{Digest: blob})
	if err != nil {
		return fmt.Errorf("%s: %w", blob, err)
	}
	return json.Unmarshal(text, value)
}

// applyAll concurrently unpacks the layers that the snapshotter does not have.
func applyAll(ctx context.Context, connection *grpc.ClientConn, applier diff.Applier, layers []extraction) error {
	snapshotter := snapshotterAt(connection)
	outcomes := make([]error, len(layers))
	var pending sync.WaitGroup
	for i, layer := range layers {
		if _, err := snapshotter.Stat(ctx, layer.name); !errdefs.IsNotFound(err) {
			outcomes[i] = err
			continue
		}
		mounts, err := snapshotter.Prepare(ctx, layer.key, "")
		if err != nil {
			outcomes[i] = err
			continue
		}
		pending.Add(1)
		go func(i int, layer extraction, mounts []mount.Mount) {
			defer pending.Done()
			applied, err := applier.Apply(ctx, layer.blob, mounts)
			if err == nil && applied.Digest != layer.diffID {
				err = fmt.Errorf("%s was unpacked as %s instead of %s", layer.blob.Digest, applied.Digest, layer.diffID)
			}
			outcomes[i] = err
		}(i, layer, mounts)
	}
	pending.Wait()
	return errors.Join(outcomes...)
}

// commitAll commits the layers in order, each on the one before.
func commitAll(ctx context.Context, connection *grpc.ClientConn, layers []extraction) error {
	snapshotter := snapshotterAt(connection)
	parent := ""
	for _, layer := range layers {
		if _, err := snapshotter.Stat(ctx, layer.name); errdefs.IsNotFound(err) {
			if err := commitOn(ctx, connection, layer.name, layer.key, parent); err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
		parent = layer.name
		fmt.Println(layer.name)
	}
	return nil
}

// The number of the field "parent" of CommitSnapshotRequest, which containerd 2.2 added and which the sources of this build do
// not have.
const commitParentField = 5

func commitOn(ctx context.Context, connection *grpc.ClientConn, name, key, parent string) error {
	request := &snapshotsapi.CommitSnapshotRequest{Name: name, Key: key}
	if parent != "" {
		field := protowire.AppendTag(nil, commitParentField, protowire.BytesType)
		request.ProtoReflect().SetUnknown(protowire.AppendString(field, parent))
	}
	_, err := snapshotsapi.NewSnapshotsClient(connection).Commit(ctx, request)
	return err
}
