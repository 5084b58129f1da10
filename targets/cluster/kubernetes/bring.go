package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/targets/cluster"
)

// The ways out where a run cannot be brought here: on its way, and at its end.
const wayThere, wayHere = "see whether the cluster of the kubeconfig can be reached from here", "name a directory that can be written to by --out"

// writable says why no run can be kept in a directory; it makes that if it is not there.
func writable(out string) error {
	err := os.MkdirAll(out, 0o777)
	if err == nil {
		var dir string
		if dir, err = os.MkdirTemp(out, ".from-"); err == nil {
			err = os.Remove(dir)
		}
	}
	if err != nil {
		return &cluster.EnvironmentError{Doing: "seeing whether the run can be kept in " + out, Err: err, Way: wayHere}
	}
	return nil
}

// bring copies the run's directory here, and returns its name; empty if none was made. A copy that is cut is made again:
// what is not brought is removed with the namespace.
func (c *carry) bring(ctx context.Context, pod string) (string, error) {
	var failing time.Time
	for {
		run, err := c.copyOut(ctx, pod)
		if err == nil {
			return run, nil
		}
		wrong := &cluster.EnvironmentError{Doing: "copying the run out of the cluster", Err: err, Way: wayThere}
		if here := new(fs.PathError); errors.As(err, &here) {
			wrong.Way = wayHere
			return "", wrong
		}
		if failing.IsZero() {
			failing = time.Now()
			c.Note("the copy is cut, and made again: " + err.Error())
		}
		if time.Since(failing) > c.patience || c.nothingToCopy(ctx, pod) || !wait(ctx, time.Second) {
			return "", wrong
		}
	}
}

// nothingToCopy tells whether it is known that what holds the run is no more.
func (c *carry) nothingToCopy(ctx context.Context, name string) bool {
	u, err := c.client.Resource(podsResource).Namespace(c.Name).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return apierrors.IsNotFound(err)
	}
	p, err := read(u)
	if err != nil {
		return false
	}
	s := p.container(containerCopy)
	return s != nil && s.State.Terminated != nil
}

// copyOut is one attempt of bring.
func (c *carry) copyOut(ctx context.Context, pod string) (string, error) {
	began := time.Now()
	dir, err := os.MkdirTemp(c.Out, ".from-"+c.Name+"-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is whole has been moved away
	read, write := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := execute(ctx, c.config, c.Name, pod, containerCopy, []string{partHarness, CommandInCluster, CommandPack, RunsDir}, write)
		done <- errors.Join(err, write.CloseWithError(err))
	}()
	size, err := unpack(read, dir)
	if err != nil {
		_ = read.CloseWithError(err) // ends the other side
	}
	if err := errors.Join(err, <-done); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		to := filepath.Join(c.Out, e.Name())
		if err := os.Rename(filepath.Join(dir, e.Name()), to); err != nil {
			return "", &fs.PathError{Op: "moving the run to", Path: to, Err: err}
		}
		c.Note(fmt.Sprintf("the run is copied out to %s, %.1f MB in %s", to, float64(size)/1e6, duration.Text(time.Since(began))))
		return e.Name(), nil
	}
	return "", nil
}
