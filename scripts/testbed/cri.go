package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// criPull lets containerd's CRI plugin pull an image, as the kubelet does, and prints the id of the image.
func criPull(arguments []string) error {
	return withImageService("cri-pull", arguments, func(ctx context.Context, images runtime.ImageServiceClient, image string) error {
		pulled, err := images.PullImage(ctx, &runtime.PullImageRequest{Image: &runtime.ImageSpec{Image: image}})
		if err != nil {
			return err
		}
		_, err = fmt.Println(pulled.ImageRef)
		return err
	})
}

// criRemove lets containerd's CRI plugin remove an image, by any of its names.
func criRemove(arguments []string) error {
	return withImageService("cri-remove", arguments, func(ctx context.Context, images runtime.ImageServiceClient, image string) error {
		_, err := images.RemoveImage(ctx, &runtime.RemoveImageRequest{Image: &runtime.ImageSpec{Image: image}})
		return err
	})
}

func withImageService(command string, arguments []string,
	call func(ctx context.Context, images runtime.ImageServiceClient, image string) error) error {
	flags := flag.NewFlagSet(command, flag.ExitOnError)
	address := flags.String("address", "", "`socket` of containerd")
	flags.Parse(arguments)
	if flags.NArg() != 1 {
		return errors.New("expected one image")
	}

	connection, err := dial(*address)
	if err != nil {
		return err
	}
	defer connection.Close()
	return call(context.Background(), runtime.NewImageServiceClient(connection), flags.Arg(0))
}
