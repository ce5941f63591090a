package main

import (
	"context"
	"flag"
	"fmt"
	"sort"
	"sync"
	"time"

	"github.com/containerd/containerd/snapshots"
)

// step is one RPC of a lifecycle.
type step struct {
	name string
	call func(ctx context.Context, snapshotter snapshots.Snapshotter, key, name string) error
}

var lifecycle = []step{
	{"prepare", func(ctx context.Context, s snapshots.Snapshotter, key, _ string) error {
		_, err := s.Prepare(ctx, key, "")
		return err
	}},
	{"mounts", func(ctx context.Context, s snapshots.Snapshotter, key, _ string) error {
		_, err := s.Mounts(ctx, key)
		return err
	}},
	{"stat", func(ctx context.Context, s snapshots.Snapshotter, key, _ string) error {
		_, err := s.Stat(ctx, key)
		return err
	}},
	{"commit", func(ctx context.Context, s snapshots.Snapshotter, key, name string) error {
		return s.Commit(ctx, name, key)
	}},
	{"remove", func(ctx context.Context, s snapshots.Snapshotter, _, name string) error {
		return s.Remove(ctx, name)
	}},
}

// load runs lives of snapshots from several concurrent clients, each with a connection of its own, and prints lives per second
// and the latency of each RPC.
func load(arguments []string) error {
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	address := flags.String("address", "", "`socket` of the snapshotter")
	clients := flags.Int("clients", 1, "`number` of clients")
	lives := flags.Int("lives", 1000, "`number` of lives per client")
	flags.Parse(arguments)

	latencies := make([][][]time.Duration, *clients)
	failures := make([]error, *clients)
	var running sync.WaitGroup
	begin := time.Now()
	for client := range *clients {
		running.Add(1)
		go func() {
			defer running.Done()
			latencies[client], failures[client] = runLives(*address, client, *lives)
		}()
	}
	running.Wait()
	elapsed := time.Since(begin)
	for _, err := range failures {
		if err != nil {
			return err
		}
	}

	fmt.Printf("clients=%d lives_per_second=%.0f\n", *clients, float64(*clients**lives)/elapsed.Seconds())
	for i, step := range lifecycle {
		var all []time.Duration
		for client := range *clients {
			all = append(all, latencies[client][i]...)
		}
		sort.Slice(all, func(a, b int) bool { return all[a] < all[b] })
		fmt.Printf("%-8s p50_us=%d p99_us=%d\n", step.name,
			all[len(all)/2].Microseconds(), all[len(all)*99/100].Microseconds())
	}
	return nil
}

func runLives(address string, client, lives int) ([][]time.Duration, error) {
	snapshotter, err := connect(address)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	latencies := make([][]time.Duration, len(lifecycle))
	for life := range lives {
		key := fmt.Sprintf("load/%d/%d", client, life)
		for i, step := range lifecycle {
			begin := time.Now()
			if err := step.call(ctx, snapshotter, key, key+"/committed"); err != nil {
				return nil, fmt.Errorf("%s %s: %w", step.name, key, err)
			}
			latencies[i] = append(latencies[i], time.Since(begin))
		}
	}
	return latencies, nil
}
