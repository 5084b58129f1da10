package kubernetes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/owner"
)

const (
	// startTimeout is for pulling images and starting nodes.
	startTimeout = 5 * time.Minute
	// beside is how much longer than its load a run may take, with its start, faults that take their time to heal, and checks: then
	// the namespace is removed, whoever is there.
	beside = 40 * time.Minute
	// quotaTimeout is for a quota to be counted for the first time.
	quotaTimeout = 30 * time.Second
	// goneTimeout is for the end of all that is in the namespace.
	goneTimeout = 3 * time.Minute
	// lookEvery is the time between two looks at what becomes of what was made.
	lookEvery = 250 * time.Millisecond
	// brokenTimeout is how long nothing may be heard of the API while a run goes on.
	brokenTimeout = 5 * time.Minute
)

// carry is an errand that is being carried out.
type carry struct {
	build
	client dynamic.Interface
	config *rest.Config
}

// CarryOut implements cluster.Host.
func (p *Provider) CarryOut(ctx context.Context, e cluster.Errand) (out cluster.Returned, err error) {
	client, config, m, err := p.connect()
	if err != nil {
		return out, err
	}
	c := &carry{build: build{Errand: e, image: p.Image, volume: p.Volume, class: p.Class, deadline: time.Now().Add(e.Lasts + beside)}, client: client, config: config}
	me, err := owner.Self()
	if err != nil {
		return out, err
	}
	host, err := os.Hostname()
	if err != nil {
		return out, err
	}
	// Before it is made: whatever becomes of this process, it is known where to look.
	forget, err := p.keep(note{
		Namespace: e.Name, Kubeconfig: cmp.Or(p.Kubeconfig, os.Getenv("KUBECONFIG")), Context: m.context, Inside: m.inside,
		Owner: me.String(), Host: host, Deadline: c.deadline,
	})
	if err != nil {
		return out, err
	}
	if err := create(ctx, client, e.Name, c.namespace(me.String())); err != nil {
		if apierrors.IsForbidden(err) || apierrors.IsAlreadyExists(err) {
			err = errors.Join(err, forget()) // there is none of ours
		}
		return out, &cluster.EnvironmentError{Doing: "making a namespace for the run", Err: err, Way: wayToMake}
	}
	defer func() {
		left := c.remove(context.WithoutCancel(ctx))
		if left == nil {
			left = forget()
		}
		err = errors.Join(err, left)
	}()
	c.Note("the namespace " + e.Name + " is made, and removed by " + c.deadline.UTC().Format(time.RFC3339) + " at the latest")
	if err := c.set(ctx); err != nil {
		return out, err
	}
	return c.run(ctx)
}

// set makes what is in the namespace, and waits for the nodes.
func (c *carry) set(ctx context.Context) error {
	for _, o := range c.objects() {
		if err := c.make(ctx, o); err != nil {
			return &cluster.EnvironmentError{Doing: "making the nodes of the run", Err: err, Way: wayToMake}
		}
	}
	c.Note(fmt.Sprintf("%d nodes are being started", c.Nodes))
	began := time.Now()
	err := c.await(ctx, startTimeout, func(ctx context.Context) (bool, error) {
		pods, err := c.pods(ctx, partDatabase)
		if err != nil {
			return false, err
		}
		return allReady(pods, c.Nodes)
	})
	if err != nil {
		return &cluster.EnvironmentError{Doing: "starting the nodes of the run", Err: errors.Join(err, c.lastWords(ctx)),
			Way: "see that the images can be pulled by the cluster's machines without a secret of the namespace (--image, --lapse-image), and that there is room for the pods"}
	}
	c.Note(fmt.Sprintf("%d nodes are ready after %s", c.Nodes, duration.Text(time.Since(began))))
	return nil
}

// allReady tells whether it is known what becomes of as many nodes as wanted: they are ready, or one cannot be
// started. Its error says what is lacking.
func allReady(pods []*pod, want int) (over bool, err error) {
	up := 0
	why := []error{fmt.Errorf("there are %d of %d pods", len(pods), want)}
	for _, p := range pods {
		if trouble := p.hopeless(); trouble != "" {
			return true, errors.New(p.Name + " cannot be started: " + trouble)
		}
		if what := state(p); what == "" {
			up++
		} else {
			why = append(why, errors.New(p.Name+" "+what+p.troubles()))
		}
	}
	if up == want {
		return true, nil
	}
	return false, errors.New(oneLine(why))
}

// make makes an object in the namespace. A quota that was just made refuses all until it has been counted what there is.
func (c *carry) make(ctx context.Context, o object) error {
	return c.await(ctx, quotaTimeout, func(ctx context.Context) (bool, error) {
		err := create(ctx, c.client, c.Name, o)
		return !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "status unknown for quota"), err
	})
}

// run has the command carried out beside the nodes, and brings the run here.
func (c *carry) run(ctx context.Context) (out cluster.Returned, err error) {
	if err := c.make(ctx, c.harness()); err != nil {
		return out, &cluster.EnvironmentError{Doing: "starting lapse beside the nodes", Err: err, Way: wayToMake}
	}
	lasting := context.WithoutCancel(ctx)
	var name string
	err = c.await(ctx, startTimeout, func(ctx context.Context) (bool, error) {
		pods, err := c.pods(ctx, partHarness)
		if err != nil {
			return false, err
		}
		if len(pods) == 0 {
			return false, errors.New("there is no pod of lapse's yet")
		}
		name = pods[0].Name
		if trouble := pods[0].hopeless(); trouble != "" {
			return true, errors.New("lapse cannot be started: " + trouble)
		}
		s := pods[0].container(partHarness)
		if s == nil || s.State.Running == nil && s.State.Terminated == nil {
			return false, errors.New("the pod of lapse " + pods[0].Status.Phase + pods[0].troubles())
		}
		return true, nil
	})
	if err != nil {
		return out, &cluster.EnvironmentError{Doing: "starting lapse beside the nodes", Err: err, Way: "see that its image can be pulled by the cluster's machines (--lapse-image)"}
	}
	// Told to end, it ends in good order, and what it says meanwhile is worth hearing.
	defer context.AfterFunc(ctx, func() {
		c.Note("interrupted: lapse in the cluster is told to end in good order")
		ending, cancel := context.WithTimeout(lasting, askTimeout)
		defer cancel()
		if err := execute(ending, c.config, c.Name, name, partHarness, []string{partHarness, CommandInCluster, CommandEnd}, io.Discard); err != nil {
			c.Note(err.Error())
		}
	})()
	code, err := c.listen(lasting, name)
	if err != nil {
		return out, &cluster.EnvironmentError{Doing: "following lapse in the cluster", Err: err}
	}
	out.Code = code
	out.Run, err = c.bring(lasting, name)
	return out, err
}

// listen passes on what lapse says until it has ended, and returns its exit code.
func (c *carry) listen(ctx context.Context, pod string) (int, error) {
	var heard int64
	for quiet := time.Now(); ; {
		before := heard
		var err error
		heard, err = follow(ctx, c.config, c.Name, pod, partHarness, heard, c.Said)
		if heard > before {
			quiet = time.Now()
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
				_, err = follow(ctx, c.config, c.Name, pod, partHarness, heard, c.Said)
				if err != nil && !errors.Is(err, io.EOF) {
					c.Note("its last words are not all here: " + err.Error())
				}
				if t := s.State.Terminated; t.Reason == "OOMKilled" {
					return 0, errors.New("it was killed for want of memory")
				}
				return s.State.Terminated.ExitCode, nil
			}
		}
		if err = errors.Join(err, getErr); err != nil && time.Since(quiet) > brokenTimeout {
			return 0, err
		}
		if !wait(ctx, lookEvery) {
			return 0, ctx.Err()
		}
	}
}

// bring copies the run's directory here, and returns its name; empty if none was made.
func (c *carry) bring(ctx context.Context, pod string) (string, error) {
	failed := func(err error) (string, error) {
		return "", &cluster.EnvironmentError{Doing: "copying the run out of the cluster", Err: err, Way: "name a directory that can be written to by --out"}
	}
	if err := os.MkdirAll(c.Out, 0o777); err != nil {
		return failed(err)
	}
	began := time.Now()
	dir, err := os.MkdirTemp(c.Out, ".from-"+c.Name+"-")
	if err != nil {
		return failed(err)
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
		return failed(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return failed(err)
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if err := os.Rename(filepath.Join(dir, e.Name()), filepath.Join(c.Out, e.Name())); err != nil {
			return failed(err)
		}
		c.Note(fmt.Sprintf("the run is copied out to %s, %.1f MB in %s", filepath.Join(c.Out, e.Name()), float64(size)/1e6, duration.Text(time.Since(began))))
		return e.Name(), nil
	}
	return "", nil
}

// remove has the namespace removed, and waits until nothing of it is there.
func (c *carry) remove(ctx context.Context) error {
	began := time.Now()
	namespaces := c.client.Resource(namespacesResource)
	err := c.await(ctx, goneTimeout, func(ctx context.Context) (bool, error) {
		now, err := namespaces.Get(ctx, c.Name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			return true, nil
		case err != nil:
			return false, err
		case now.GetDeletionTimestamp() != nil:
			return false, errors.New("it is being removed")
		}
		uid := now.GetUID()
		if err := namespaces.Delete(ctx, c.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}}); err != nil {
			return false, err
		}
		return false, errors.New("it is being removed")
	})
	if err != nil {
		return &cluster.EnvironmentError{Doing: "removing the namespace " + c.Name, Err: err, Way: "lapse clean tries again when this process has ended, and the cluster itself at the deadline; kubectl delete namespace " + c.Name + " does it now"}
	}
	c.Note(fmt.Sprintf("the namespace %s is removed, after %s", c.Name, duration.Text(time.Since(began))))
	return nil
}

// await asks until look says that it is over, or the time is. Its error is that of look then.
func (c *carry) await(ctx context.Context, most time.Duration, look func(context.Context) (over bool, err error)) error {
	for deadline := time.Now().Add(most); ; {
		over, err := look(ctx)
		if over {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %s: %w", most, err)
		}
		if !wait(ctx, lookEvery) {
			return errors.Join(ctx.Err(), err)
		}
	}
}

// pods are those of a part.
func (c *carry) pods(ctx context.Context, part string) ([]*pod, error) {
	found, err := c.client.Resource(podsResource).Namespace(c.Name).List(ctx, metav1.ListOptions{LabelSelector: labelPart + "=" + part})
	if err != nil {
		return nil, err
	}
	var out []*pod
	for i := range found.Items {
		p, err := read(&found.Items[i])
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return sorted(out), nil
}

// lastWords are what a node that is not ready said last, for somebody who looks for the cause; nil if none says anything.
func (c *carry) lastWords(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	pods, err := c.pods(ctx, partDatabase)
	if err != nil {
		return nil //nolint:nilerr // that it cannot be asked is not the cause
	}
	for _, p := range pods {
		s := p.container(containerDatabase)
		if s == nil || ready(p) {
			continue
		}
		tail := &tail{most: 1000}
		// Without the words there is the state alone.
		_ = sofar(ctx, c.config, c.Name, p.Name, containerDatabase, s.Restarts > 0, tail)
		if len(tail.text) > 0 {
			return fmt.Errorf("%s was started again %d times, and said last: %q", p.Name, s.Restarts, strings.TrimSpace(string(tail.text)))
		}
	}
	return nil
}

// tail keeps the end of what is written.
type tail struct {
	most int
	text []byte
}

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.text = append(t.text, b...)
	t.text = t.text[max(0, len(t.text)-t.most):]
	return len(b), nil
}
