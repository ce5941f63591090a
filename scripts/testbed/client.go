package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/snapshots"
	"github.com/containerd/containerd/snapshots/proxy"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// connect opens the client that containerd itself uses for a proxy plugin.
func connect(address string) (snapshots.Snapshotter, error) {
	connection, err := dial(address)
	if err != nil {
		return nil, err
	}
	return snapshotterAt(connection), nil
}

func snapshotterAt(connection *grpc.ClientConn) snapshots.Snapshotter {
	return proxy.NewSnapshotter(snapshotsapi.NewSnapshotsClient(connection), "gatun")
}

// dial connects to a unix socket.
func dial(address string) (*grpc.ClientConn, error) {
	return grpc.Dial("unix://"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
}

// ping succeeds once the snapshotter answers.
func ping(arguments []string) error {
	flags := flag.NewFlagSet("ping", flag.ExitOnError)
	address := flags.String("address", "", "`socket` of the snapshotter")
	flags.Parse(arguments)

	snapshotter, err := connect(*address)
	if err != nil {
		return err
	}
	return answer(snapshotter)
}

// list prints kind, name and parent of each snapshot, separated by tabs.
func list(arguments []string) error {
	flags := flag.NewFlagSet("list", flag.ExitOnError)
	address := flags.String("address", "", "`socket` of the snapshotter")
	flags.Parse(arguments)

	snapshotter, err := connect(*address)
	if err != nil {
		return err
	}
	return snapshotter.Walk(context.Background(), func(_ context.Context, info snapshots.Info) error {
		_, err := fmt.Printf("%s\t%s\t%s\n", info.Kind, info.Name, info.Parent)
		return err
	}, flags.Args()...)
}

// prepare prepares a snapshot and prints the seconds that this took and the source of its mount.
func prepare(arguments []string) error {
	flags := flag.NewFlagSet("prepare", flag.ExitOnError)
	address := flags.String("address", "", "`socket` of the snapshotter")
	parent := flags.String("parent", "", "`name` of the parent")
	flags.Parse(arguments)
	if flags.NArg() != 1 {
		return errors.New("expected one key")
	}

	snapshotter, err := connect(*address)
	if err != nil {
		return err
	}
	begin := time.Now()
	mounts, err := snapshotter.Prepare(context.Background(), flags.Arg(0), *parent)
	if err != nil {
		return err
	}
	_, err = fmt.Printf("%.3f %s\n", time.Since(begin).Seconds(), mounts[0].Source)
	return err
}

// commit commits an active snapshot.
func commit(arguments []string) error {
	flags := flag.NewFlagSet("commit", flag.ExitOnError)
	address := flags.String("address", "", "`socket` of the snapshotter")
	flags.Parse(arguments)
	if flags.NArg() != 2 {
		return errors.New("expected a name and a key")
	}

	snapshotter, err := connect(*address)
	if err != nil {
		return err
	}
	return snapshotter.Commit(context.Background(), flags.Arg(0), flags.Arg(1))
}
