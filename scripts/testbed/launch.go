package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/containerd/snapshots"
)

const (
	launchTimeout = 60 * time.Second
	stopTimeout   = 30 * time.Second
	// The idle time of a daemon before its memory is measured.
	rest = 2 * time.Second
)

// launch starts a snapshotter and prints the time from exec to the first answered RPC, the times of its first operations, and,
// with a burst, its resident memory while idle and after the burst, one metric with its unit per line. Then it stops the
// snapshotter.
func launch(arguments []string) error {
	flags := flag.NewFlagSet("launch", flag.ExitOnError)
	address := flags.String("address", "", "`socket` of the snapshotter")
	burst := flags.Int("burst", 1000, "`number` of snapshots in the burst; 0 for no burst")
	flags.Parse(arguments)
	if flags.NArg() == 0 {
		return errors.New("expected a command")
	}

	command := exec.Command(flags.Arg(0), flags.Args()[1:]...)
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	begin := time.Now()
	if err := command.Start(); err != nil {
		return err
	}
	err := observe(*address, command.Process.Pid, *burst, begin)
	return errors.Join(err, end(command))
}

func observe(address string, pid, burst int, begin time.Time) error {
	if err := awaitSocket(address); err != nil {
		return err
	}
	snapshotter, err := connect(address)
	if err != nil {
		return err
	}
	if err := answer(snapshotter); err != nil {
		return err
	}
	fmt.Printf("answered_s %.4f s\n", time.Since(begin).Seconds())

	for _, step := range lifecycle {
		called := time.Now()
		if err := step.call(context.Background(), snapshotter, "first", "first/committed"); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Printf("first_%s_ms %.3f ms\n", step.name, 1000*time.Since(called).Seconds())
	}
	if burst == 0 {
		return nil
	}
	time.Sleep(rest)
	if err := printResident("idle_mib", pid); err != nil {
		return err
	}
	if err := fillWith(address, 4, burst, 0); err != nil {
		return err
	}
	time.Sleep(rest)
	return printResident("burst_mib", pid)
}

// awaitSocket polls often, since a Go server starts within milliseconds.
func awaitSocket(address string) error {
	for deadline := time.Now().Add(launchTimeout); ; time.Sleep(200 * time.Microsecond) {
		connection, err := net.Dial("unix", address)
		if err == nil {
			return connection.Close()
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

// answer succeeds if the snapshotter answers a query, even without snapshots.
func answer(snapshotter snapshots.Snapshotter) error {
	ctx, cancel := context.WithTimeout(context.Background(), launchTimeout)
	defer cancel()
	err := snapshotter.Walk(ctx, func(context.Context, snapshots.Info) error { return nil }, "name==ping")
	// containerd's own store returns this before its first write.
	if err != nil && strings.Contains(err.Error(), "bucket does not exist") {
		return nil
	}
	return err
}

// printResident prints the resident memory of a process in MiB.
func printResident(metric string, pid int) error {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return err
	}
	for _, line := range strings.Split(string(status), "\n") {
		var kib int
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &kib); err == nil {
			fmt.Printf("%s %.1f MiB\n", metric, float64(kib)/1024)
			return nil
		}
	}
	return fmt.Errorf("process %d has no VmRSS", pid)
}

// end stops a daemon with SIGTERM. It kills a daemon that does not stop, and fails.
func end(command *exec.Cmd) error {
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	killed := time.AfterFunc(stopTimeout, func() { command.Process.Kill() })
	defer killed.Stop()
	err := command.Wait()
	// A JVM that SIGTERM ended exits with this status.
	if status, ok := command.ProcessState.Sys().(syscall.WaitStatus); ok && status.ExitStatus() == 128+int(syscall.SIGTERM) {
		return nil
	}
	return err
}
