package kubernetes

import (
	"context"
	"errors"
	"io"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lapse-test/lapse/targets/cluster"
)

// hear passes on what lapse in the cluster says until it has ended, and returns its exit code, which is 0 beside an error if
// none is known. When ctx is done it is told to end in good order, and what it says meanwhile is worth hearing.
func (c *carry) hear(ctx context.Context, pod string) (int, error) {
	hearing, over := context.WithCancel(context.WithoutCancel(ctx))
	told := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(told)
		c.end(hearing, pod)
	})
	defer func() {
		over()
		if !stop() {
			<-told
		}
	}()
	return c.listen(hearing, pod)
}

// end tells lapse in the cluster to end in good order, again until it is heard or ctx is done.
func (c *carry) end(ctx context.Context, pod string) {
	c.Note("interrupted: lapse in the cluster is told to end in good order")
	for said := false; ; {
		asking, cancel := context.WithTimeout(ctx, askTimeout)
		err := execute(asking, c.config, c.Name, pod, partHarness, []string{partHarness, CommandInCluster, CommandEnd}, io.Discard)
		cancel()
		if err == nil || ctx.Err() != nil {
			return
		}
		if !said {
			said = true
			c.Note("it is not heard, and is told again: " + err.Error())
		}
		if !wait(ctx, time.Second) {
			return
		}
	}
}

// listen passes on what lapse says until it has ended, and returns its exit code; 0 beside an error
// if none is known.
func (c *carry) listen(ctx context.Context, pod string) (int, error) {
	var heard int64
	for touched := time.Now(); ; {
		// A run that has nothing to say for long may have its connection cut, and is none that is lost.
		var err error
		var open bool
		heard, open, err = follow(ctx, c.config, c.Name, pod, partHarness, heard, c.Said)
		if open {
			touched = time.Now()
		}
		u, getErr := c.client.Resource(podsResource).Namespace(c.Name).Get(ctx, pod, metav1.GetOptions{})
		if apierrors.IsNotFound(getErr) {
			return 0, errors.New("its pod is gone, and what it had recorded with it: its machine may have been lost, or its time was over")
		}
		if getErr == nil {
			p, err := read(u)
			if err != nil {
				return 0, err
			}
			if s := p.container(partHarness); s != nil && s.State.Terminated != nil {
				// What it said last may have come after the connection had ended.
				_, _, err = follow(ctx, c.config, c.Name, pod, partHarness, heard, c.Said)
				if err != nil && !errors.Is(err, io.EOF) {
					c.Note("its last words are not all here: " + err.Error())
				}
				if t := s.State.Terminated; t.Reason == "OOMKilled" {
					return t.ExitCode, &cluster.EnvironmentError{Doing: "following lapse in the cluster", Err: errors.New("it was killed for want of memory")}
				}
				return s.State.Terminated.ExitCode, nil
			}
		}
		if err = errors.Join(err, getErr); err != nil && !open && time.Since(touched) > c.patience {
			return 0, err
		}
		if !wait(ctx, lookEvery) {
			return 0, ctx.Err()
		}
	}
}
