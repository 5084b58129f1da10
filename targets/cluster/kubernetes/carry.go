package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"os"
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
	// brokenTimeout is the usual patience.
	brokenTimeout = 5 * time.Minute
)

// carry is an errand that is being carried out.
type carry struct {
	build
	client dynamic.Interface
	config *rest.Config
	// owner is the process that carries it out (package owner).
	owner string
	// patience is how long nothing may be heard of the API while a run goes on or is copied.
	patience time.Duration
}

// CarryOut implements cluster.Host.
func (p *Provider) CarryOut(ctx context.Context, e cluster.Errand) (out cluster.Returned, err error) {
	client, config, m, err := p.connect()
	if err != nil {
		return out, err
	}
	if err := writable(e.Out); err != nil {
		return out, err
	}
	me, err := owner.Self()
	if err != nil {
		return out, err
	}
	host, err := os.Hostname()
	if err != nil {
		return out, err
	}
	where, err := p.where()
	if err != nil {
		return out, err
	}
	c := &carry{
		build:  build{Errand: e, image: p.Image, volume: p.Volume, class: p.Class, deadline: time.Now().Add(e.Lasts + beside)},
		client: client, config: config, owner: me.String(), patience: brokenTimeout,
	}
	// Before it is made: whatever becomes of this process, it is known where to look.
	forget, err := p.keep(note{
		Namespace: e.Name, Kubeconfig: where, Context: m.context, Inside: m.inside, Server: config.Host,
		Owner: c.owner, Host: host, Deadline: c.deadline,
	})
	if err != nil {
		return out, err
	}
	made := create(ctx, client, e.Name, c.namespace(c.owner))
	if apierrors.IsForbidden(made) || apierrors.IsAlreadyExists(made) { // there is none of ours
		return out, errors.Join(&cluster.EnvironmentError{Doing: "making a namespace for the run", Err: made, Way: wayToMake}, forget())
	}
	defer func() {
		left := c.remove(context.WithoutCancel(ctx))
		if left == nil {
			left = forget()
		}
		err = errors.Join(err, left)
	}()
	if made != nil { // it may be there all the same: the answer was lost, or not waited for
		return out, &cluster.EnvironmentError{Doing: "making a namespace for the run", Err: made, Way: "see whether the cluster of the kubeconfig is up and can be reached from here"}
	}
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
	err := await(ctx, startTimeout, func(ctx context.Context) (bool, error) {
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

// make makes an object in the namespace. A quota that was just made refuses all until the objects that exist have been counted.
func (c *carry) make(ctx context.Context, o object) error {
	return await(ctx, quotaTimeout, func(ctx context.Context) (bool, error) {
		err := create(ctx, c.client, c.Name, o)
		return !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "status unknown for quota"), err
	})
}

// run has the command carried out beside the nodes, and brings the run here.
func (c *carry) run(ctx context.Context) (out cluster.Returned, err error) {
	if err := c.make(ctx, c.harness()); err != nil {
		return out, &cluster.EnvironmentError{Doing: "starting lapse beside the nodes", Err: err, Way: wayToMake}
	}
	var name string
	err = await(ctx, startTimeout, func(ctx context.Context) (bool, error) {
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
	code, bad := c.hear(ctx, name)
	if bad != nil && code == 0 {
		return out, &cluster.EnvironmentError{Doing: "following lapse in the cluster", Err: bad}
	}
	out.Code = code
	out.Run, err = c.bring(context.WithoutCancel(ctx), name)
	return out, errors.Join(bad, err)
}

// remove has the namespace removed, if it is this process's own, and waits until nothing of it is there.
func (c *carry) remove(ctx context.Context) error {
	began := time.Now()
	was, err := removeOwn(ctx, c.client, c.Name, c.owner)
	if err != nil {
		return &cluster.EnvironmentError{Doing: "removing the namespace " + c.Name, Err: err, Way: "lapse clean tries again when this process has ended, and the cluster itself at the deadline; kubectl delete namespace " + c.Name + " does it now"}
	}
	if was {
		c.Note(fmt.Sprintf("the namespace %s is removed, after %s", c.Name, duration.Text(time.Since(began))))
	}
	return nil
}

// removeOwn has a namespace removed that the owner has made, and waits until nothing of it is there. It tells whether there
// was one; one of another owner is left alone.
func removeOwn(ctx context.Context, client dynamic.Interface, name, owner string) (was bool, err error) {
	namespaces := client.Resource(namespacesResource)
	err = await(ctx, goneTimeout, func(ctx context.Context) (bool, error) {
		now, err := namespaces.Get(ctx, name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			return true, nil
		case err != nil:
			return false, err
		case now.GetLabels()[labelManaged] != managedBy || now.GetAnnotations()[annotationOwner] != owner:
			return true, nil
		}
		was = true
		if now.GetDeletionTimestamp() == nil {
			uid := now.GetUID()
			if err := namespaces.Delete(ctx, name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}}); err != nil {
				return false, err
			}
		}
		return false, errors.New("it is being removed, and is not gone")
	})
	return was, err
}

// await asks until look says that it is over, or the time is. Its error is that of look then.
func await(ctx context.Context, most time.Duration, look func(context.Context) (over bool, err error)) error {
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
