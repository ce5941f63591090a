// Package conformance runs containerd's own test suite for snapshotters against a daemon that is already running:
// Gatun, or a containerd that has Gatun as its plugin "gatun".
package conformance

import (
	"context"
	"flag"
	"os"
	"syscall"
	"testing"

	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/errdefs"
	"github.com/containerd/containerd/namespaces"
	"github.com/containerd/containerd/snapshots"
	"github.com/containerd/containerd/snapshots/proxy"
	"github.com/containerd/containerd/snapshots/testsuite"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

var (
	suite      = flag.String("suite", "", "name of the suite; \"overlayfs\" omits the renaming of directories")
	address    = flag.String("address", "", "socket of the daemon")
	containerd = flag.String("containerd", "", "socket of the containerd that stores blobs; with it, all layers are above indexed ones")
)

func TestMain(m *testing.M) {
	flag.Parse()
	// The suite also clears the mask, but restores it once its parallel cases have been queued.
	syscall.Umask(0)
	os.Exit(m.Run())
}

func TestSuite(t *testing.T) {
	snapshotter := connect(t)
	if *containerd != "" {
		snapshotter = onBase{snapshotter, makeBase(t, snapshotter)}
	}
	testsuite.SnapshotterSuite(t, *suite, func(context.Context, string) (snapshots.Snapshotter, func() error, error) {
		return snapshotter, nil, nil
	})
}

// TestRemoveAll removes the snapshots that the cases left, children before parents. The caller then checks the disk.
func TestRemoveAll(t *testing.T) {
	ctx := namespaces.WithNamespace(context.Background(), "testsuite")
	snapshotter := connect(t)
	children := map[string]int{}
	parents := map[string]string{}
	if err := snapshotter.Walk(ctx, func(_ context.Context, info snapshots.Info) error {
		parents[info.Name] = info.Parent
		children[info.Parent]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(parents) == 0 {
		t.Fatal("the suite left no snapshots, so it cannot have run")
	}
	for len(parents) > 0 {
		before := len(parents)
		for name, parent := range parents {
			if children[name] > 0 {
				continue
			}
			if err := snapshotter.Remove(ctx, name); err != nil {
				t.Fatal(err)
			}
			children[parent]--
			delete(parents, name)
		}
		if len(parents) == before {
			t.Fatalf("snapshots that are their own ancestors: %v", parents)
		}
	}
	if err := snapshotter.(snapshots.Cleaner).Cleanup(ctx); err != nil && !errdefs.IsNotImplemented(err) {
		t.Fatal(err)
	}
}

// connect opens the client that containerd uses for a proxy plugin; it also works for containerd itself.
func connect(t *testing.T) snapshots.Snapshotter {
	t.Helper()
	return proxy.NewSnapshotter(snapshotsapi.NewSnapshotsClient(dial(t, *address)), "gatun")
}

// dial connects to a unix socket for the length of a test.
func dial(t *testing.T, socket string) *grpc.ClientConn {
	t.Helper()
	connection, err := grpc.Dial("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return connection
}
