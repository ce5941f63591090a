package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"sort"
	"time"

	"golang.org/x/sync/errgroup"
)

// fill creates committed snapshots without parents.
func fill(arguments []string) error {
	flags := flag.NewFlagSet("fill", flag.ExitOnError)
	address := flags.String("address", "", "`socket` of the snapshotter")
	clients := flags.Int("clients", 16, "`number` of clients that share the work")
	count := flags.Int("count", 1000, "`number` of snapshots")
	first := flags.Int("first", 0, "`number` of the first one")
	flags.Parse(arguments)

	return fillWith(*address, *clients, *count, *first)
}

func fillWith(address string, clients, count, first int) error {
	var running errgroup.Group
	for client := range clients {
		running.Go(func() error {
			snapshotter, err := connect(address)
			if err != nil {
				return err
			}
			ctx := context.Background()
			for number := first + client; number < first+count; number += clients {
				name := fmt.Sprintf("fill/%d", number)
				if _, err := snapshotter.Prepare(ctx, name+"/key", ""); err != nil {
					return fmt.Errorf("prepare %s: %w", name, err)
				}
				if err := snapshotter.Commit(ctx, name, name+"/key"); err != nil {
					return fmt.Errorf("commit %s: %w", name, err)
				}
			}
			return nil
		})
	}
	return running.Wait()
}

// chain creates a chain of snapshots. For several lengths it prints the times to prepare a snapshot on it and to get the
// snapshot's mounts, one metric with its unit per line.
func chain(arguments []string) error {
	flags := flag.NewFlagSet("chain", flag.ExitOnError)
	address := flags.String("address", "", "`socket` of the snapshotter")
	repetitions := flags.Int("repetitions", 500, "`number` of measurements of each")
	flags.Parse(arguments)
	if flags.NArg() != 0 {
		return errors.New("expected no arguments")
	}

	snapshotter, err := connect(*address)
	if err != nil {
		return err
	}
	ctx := context.Background()
	parent := ""
	for depth := 1; depth <= 128; depth++ {
		name := fmt.Sprintf("chain/%d", depth)
		if _, err := snapshotter.Prepare(ctx, name+"/key", parent); err != nil {
			return fmt.Errorf("prepare %s: %w", name, err)
		}
		if err := snapshotter.Commit(ctx, name, name+"/key"); err != nil {
			return fmt.Errorf("commit %s: %w", name, err)
		}
		parent = name
		if depth != 1 && depth != 10 && depth != 128 {
			continue
		}
		var prepares, mounts []time.Duration
		for range *repetitions {
			key := name + "/child"
			begin := time.Now()
			if _, err := snapshotter.Prepare(ctx, key, parent); err != nil {
				return fmt.Errorf("prepare %s: %w", key, err)
			}
			prepared := time.Now()
			if _, err := snapshotter.Mounts(ctx, key); err != nil {
				return fmt.Errorf("mounts %s: %w", key, err)
			}
			prepares = append(prepares, prepared.Sub(begin))
			mounts = append(mounts, time.Since(prepared))
			if err := snapshotter.Remove(ctx, key); err != nil {
				return fmt.Errorf("remove %s: %w", key, err)
			}
		}
		fmt.Printf("prepare_on_%d_us %d us\n", depth, medianOf(prepares).Microseconds())
		fmt.Printf("mounts_of_%d_us %d us\n", depth, medianOf(mounts).Microseconds())
	}
	return nil
}

func medianOf(durations []time.Duration) time.Duration {
	sort.Slice(durations, func(a, b int) bool { return durations[a] < durations[b] })
	return durations[len(durations)/2]
}
