// Answers questions about snapshots with containerd's own metadata store, and applies and makes layers, one line each.
//
//	usage: containerd-oracle DIRECTORY
//
// A request is a word and its arguments, separated by blanks; a text is written as "x" and its bytes in
// hexadecimal, a list of texts is joined by ",", and labels are a list of keys and values in turn. The
// answer is "ok" and what there is to say, or "error", its class and its message.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/errdefs"
	"github.com/containerd/containerd/snapshots"
	"github.com/containerd/containerd/snapshots/storage"
	"github.com/sirupsen/logrus"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: containerd-oracle DIRECTORY")
	}
	// An expression that does not compile is logged at every comparison.
	logrus.SetOutput(io.Discard)
	store, err := storage.NewMetaStore(filepath.Join(os.Args[1], "metadata.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	requests := bufio.NewReader(os.Stdin)
	answers := bufio.NewWriter(os.Stdout)
	for {
		line, err := requests.ReadString('\n')
		if err == io.EOF {
			return
		}
		if err != nil {
			log.Fatal(err)
		}
		request := strings.Split(strings.TrimSuffix(line, "\n"), " ")
		answer := "ok"
		if strings.HasPrefix(request[0], "apply-") {
			err = apply(request)
		} else if request[0] == "diff" {
			err = diff(request)
		} else {
			answer, err = ask(store, request)
		}
		if err != nil {
			answer = "error " + class(err) + " " + written(err.Error())
		}
		fmt.Fprintln(answers, answer)
		if err := answers.Flush(); err != nil {
			log.Fatal(err)
		}
	}
}

// ask answers one request in a transaction of its own, as containerd's overlay snapshotter does.
func ask(store *storage.MetaStore, request []string) (answer string, err error) {
	arguments := request[1:]
	writable := request[0] != "stat" && request[0] != "list" && request[0] != "chain"
	answer = "ok"
	err = store.WithTransaction(context.Background(), writable, func(ctx context.Context) error {
		switch request[0] {
		case "prepare", "view":
			kind := snapshots.KindActive
			if request[0] == "view" {
				kind = snapshots.KindView
			}
			_, err := storage.CreateSnapshot(
				ctx, kind, text(arguments[0]), text(arguments[1]), snapshots.WithLabels(labels(arguments[2])))
			return err
		case "commit":
			_, err := storage.CommitActive(
				ctx, text(arguments[1]), text(arguments[0]), snapshots.Usage{},
				snapshots.WithLabels(labels(arguments[2])))
			return err
		case "remove":
			_, _, err := storage.Remove(ctx, text(arguments[0]))
			return err
		case "stat":
			_, info, _, err := storage.GetInfo(ctx, text(arguments[0]))
			answer += " " + writtenInfo(info)
			return err
		case "chain":
			snapshot, err := storage.GetSnapshot(ctx, text(arguments[0]))
			if err != nil {
				return err
			}
			names, err := storage.IDMap(ctx)
			if err != nil {
				return err
			}
			answer += " " + strings.ToUpper(snapshot.Kind.String())
			for _, parent := range snapshot.ParentIDs {
				answer += " " + written(names[parent])
			}
			return nil
		case "update":
			info, err := storage.UpdateInfo(
				ctx,
				snapshots.Info{Name: text(arguments[0]), Labels: labels(arguments[1])},
				texts(arguments[2])...)
			answer += " " + writtenInfo(info)
			return err
		case "list":
			return storage.WalkInfo(ctx, func(_ context.Context, info snapshots.Info) error {
				answer += " " + writtenInfo(info)
				return nil
			}, texts(arguments[0])...)
		}
		return errors.New("unknown request " + request[0])
	})
	return answer, err
}

func class(err error) string {
	switch {
	case errdefs.IsNotFound(err):
		return "NotFound"
	case errdefs.IsAlreadyExists(err):
		return "AlreadyExists"
	case errdefs.IsInvalidArgument(err):
		return "InvalidArgument"
	case errdefs.IsFailedPrecondition(err):
		return "FailedPrecondition"
	}
	return "Unknown"
}

func writtenInfo(info snapshots.Info) string {
	pairs := make([]string, 0, 2*len(info.Labels))
	for key, value := range info.Labels {
		pairs = append(pairs, written(key), written(value))
	}
	return fmt.Sprintf("%s;%s;%s;%s;%d;%d",
		strings.ToUpper(info.Kind.String()), written(info.Name), written(info.Parent),
		strings.Join(pairs, ","), info.Created.UnixNano(), info.Updated.UnixNano())
}

func labels(argument string) map[string]string {
	labels := map[string]string{}
	pairs := texts(argument)
	for i := 0; i+1 < len(pairs); i += 2 {
		labels[pairs[i]] = pairs[i+1]
	}
	return labels
}

func texts(argument string) []string {
	var texts []string
	for _, element := range strings.Split(argument, ",") {
		if element != "" {
			texts = append(texts, text(element))
		}
	}
	return texts
}

func text(argument string) string {
	bytes, err := hex.DecodeString(strings.TrimPrefix(argument, "x"))
	if err != nil {
		log.Fatal(err)
	}
	return string(bytes)
}

func written(text string) string {
	return "x" + hex.EncodeToString([]byte(text))
}
