package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/containerd/containerd"
	"github.com/containerd/containerd/images"
	"github.com/containerd/containerd/mount"
	"github.com/containerd/containerd/namespaces"
	unpacking "github.com/containerd/containerd/pkg/unpack"
	"github.com/containerd/containerd/platforms"
	"github.com/containerd/containerd/snapshots"
)

// unpackInOrder unpacks an image with stored blobs like a pull by containerd's transfer service or by Kubernetes: those name the
// layer when they prepare its snapshot, which "ctr snapshots unpack" does not. It prints the seconds from the first Prepare to
// the last Commit or, for a stored layer, the last Prepare.
func unpackInOrder(arguments []string) error {
	flags := flag.NewFlagSet("unpack-in-order", flag.ExitOnError)
	address := flags.String("containerd", "", "`socket` of containerd, which has the blobs")
	snapshotter := flags.String("snapshotter", "gatun", "`name` of the snapshotter in containerd's configuration")
	flags.Parse(arguments)
	if flags.NArg() != 1 {
		return errors.New("expected the name of an image")
	}

	client, err := containerd.New(*address, containerd.WithDefaultNamespace(namespaces.Default))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx := namespaces.WithNamespace(context.Background(), namespaces.Default)
	// Protects content that is not referenced yet from garbage collection.
	ctx, done, err := client.WithLease(ctx)
	if err != nil {
		return err
	}
	defer done(ctx)
	image, err := client.ImageService().Get(ctx, flags.Arg(0))
	if err != nil {
		return err
	}
	timed := &timedSnapshotter{Snapshotter: client.SnapshotService(*snapshotter)}
	unpacker, err := unpacking.NewUnpacker(ctx, client.ContentStore(), unpacking.WithUnpackPlatform(unpacking.Platform{
		Platform:       platforms.Default(),
		SnapshotterKey: *snapshotter,
		Snapshotter:    timed,
		Applier:        client.DiffService(),
	}))
	if err != nil {
		return err
	}
	if err := images.Dispatch(ctx, unpacker.Unpack(images.ChildrenHandler(client.ContentStore())), nil, image.Target); err != nil {
		return err
	}
	if _, err := unpacker.Wait(); err != nil {
		return err
	}
	if timed.first.IsZero() {
		return errors.New("no layer had to be unpacked")
	}
	fmt.Printf("%.4f\n", timed.last.Sub(timed.first).Seconds())
	return nil
}

// timedSnapshotter records the times of the first Prepare and of the last call. The unpacker handles layers in order.
type timedSnapshotter struct {
	snapshots.Snapshotter
	first, last time.Time
}

func (s *timedSnapshotter) Prepare(ctx context.Context, key, parent string, options ...snapshots.Opt) ([]mount.Mount, error) {
	if s.first.IsZero() {
		s.first = time.Now()
	}
	mounts, err := s.Snapshotter.Prepare(ctx, key, parent, options...)
	s.last = time.Now()
	return mounts, err
}

func (s *timedSnapshotter) Commit(ctx context.Context, name, key string, options ...snapshots.Opt) error {
	err := s.Snapshotter.Commit(ctx, name, key, options...)
	s.last = time.Now()
	return err
}
