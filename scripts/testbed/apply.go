package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	diffapi "github.com/containerd/containerd/api/services/diff/v1"
	"github.com/containerd/containerd/api/types"
	"github.com/containerd/containerd/namespaces"
	"github.com/containerd/containerd/snapshots"
)

// apply asks a differ directly, not through containerd, to unpack a layer into an active snapshot, and prints the layer's diff
// id. It prints a failure with its status.
func apply(arguments []string) error {
	flags := flag.NewFlagSet("apply", flag.ExitOnError)
	address := flags.String("address", "", "`socket` of the differ and the snapshotter")
	namespace := flags.String("namespace", "default", "the `namespace` in which containerd has the layer")
	digest := flags.String("digest", "", "`digest` of the layer")
	size := flags.Int64("size", 0, "its size in `bytes`")
	mediaType := flags.String("type", "application/vnd.oci.image.layer.v1.tar+gzip", "its media `type`")
	source := flags.String("source", "", "bind mount this `directory` in place of the snapshot's mounts")
	flags.Parse(arguments)
	if flags.NArg() != 1 {
		return errors.New("expected one key")
	}

	connection, err := dial(*address)
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx := namespaces.WithNamespace(context.Background(), *namespace)
	mounts, err := mountsOf(ctx, snapshotterAt(connection), flags.Arg(0), *source)
	if err != nil {
		return err
	}
	response, err := diffapi.NewDiffClient(connection).Apply(ctx, &diffapi.ApplyRequest{
		Diff:   &types.Descriptor{MediaType: *mediaType, Digest: *digest, Size: *size},
		Mounts: mounts,
	})
	if err != nil {
		return err
	}
	_, err = fmt.Println(response.Applied.Digest)
	return err
}

func mountsOf(ctx context.Context, snapshotter snapshots.Snapshotter, key, source string) ([]*types.Mount, error) {
	if source != "" {
		return []*types.Mount{{Type: "bind", Source: source, Options: []string{"rw", "rbind"}}}, nil
	}
	mounts, err := snapshotter.Mounts(ctx, key)
	if err != nil {
		return nil, err
	}
	var wire []*types.Mount
	for _, mount := range mounts {
		wire = append(wire, &types.Mount{Type: mount.Type, Source: mount.Source, Target: mount.Target, Options: mount.Options})
	}
	return wire, nil
}
