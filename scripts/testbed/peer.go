package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/contrib/snapshotservice"
	"github.com/containerd/containerd/snapshots"
	"github.com/containerd/containerd/snapshots/native"
	"github.com/containerd/containerd/snapshots/overlay"
	"google.golang.org/grpc"
)

// peer serves containerd's own overlay or native snapshotter on a socket, the way Gatun serves its drivers.
func peer(arguments []string) error {
	flags := flag.NewFlagSet("peer", flag.ExitOnError)
	address := flags.String("address", "", "unix `socket` to listen on")
	root := flags.String("root", "", "`directory` of the snapshotter")
	driver := flags.String("driver", "overlay", "overlay or native")
	flags.Parse(arguments)

	snapshotter, err := newPeer(*driver, *root)
	if err != nil {
		return err
	}
	defer snapshotter.Close()
	if err := os.Remove(*address); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", *address)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	snapshotsapi.RegisterSnapshotsServer(server, snapshotservice.FromSnapshotter(snapshotter))
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-stop
		server.GracefulStop()
	}()
	return server.Serve(listener)
}

func newPeer(driver, root string) (snapshots.Snapshotter, error) {
	switch driver {
	case "overlay":
		return overlay.NewSnapshotter(root, overlay.AsynchronousRemove)
	case "native":
		return native.NewSnapshotter(root)
	default:
		return nil, fmt.Errorf("unknown driver %q", driver)
	}
}
