package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/kubernetes/inpod"
)

// carrier carries out commands in the pods, by an ephemeral container in each that has to do
// with one. A pod that took another's place gets one of its own.
type carrier struct {
	*supervisor
	config *rest.Config
	// image is that of lapse.
	image string
	// holds are those on the pods, by the names of the nodes: the map stays as it is.
	holds map[string]*hold
}

var (
	_ cluster.Carrier = (*carrier)(nil)
	_ cluster.Holder  = (*carrier)(nil)
)

func newCarrier(s *supervisor, config *rest.Config, image string) *carrier {
	c := &carrier{supervisor: s, config: config, image: image, holds: map[string]*hold{}}
	for node := range s.pods {
		c.holds[node] = &hold{turn: make(chan struct{}, 1)}
	}
	return c
}

// carryPatience bounds a command: the image of the container may have to be pulled.
const carryPatience = 45 * time.Second

const wayToEnter = "the role lapse-enter in deploy/kubernetes has the rights that are needed"

// commands are what a carrier can do to each node.
func (s *supervisor) commands() map[string]cluster.Commands {
	out := map[string]cluster.Commands{}
	for node, pod := range s.pods {
		in := "by an ephemeral container in the pod " + pod
		out[node] = cluster.Commands{Cut: in, Heal: in, Probe: in, Kill: in, Start: in, Pause: in, Resume: in}
	}
	return out
}

// get is a pod as it is now.
func (s *supervisor) get(ctx context.Context, name string) (*pod, error) {
	u, err := s.client.Resource(podsResource).Namespace(s.namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("looking for the pod %s: %w", name, err)
	}
	return read(u)
}

// May implements cluster.Carrier.
func (c *carrier) May(ctx context.Context, commands []string) error {
	doing := fmt.Sprintf("asking whether pods in the namespace %s can be broken by a container in each", c.namespace)
	wrong := func(way, format string, args ...any) error {
		return &cluster.EnvironmentError{Doing: doing, Err: fmt.Errorf(format, args...), Way: way}
	}
	for _, right := range []struct{ verb, sub string }{{"patch", "ephemeralcontainers"}, {"get", "attach"}, {"create", "attach"}} {
		allowed, err := c.allowed(ctx, map[string]any{"namespace": c.namespace, "verb": right.verb, "resource": podsResource.Resource, "subresource": right.sub})
		if err != nil {
			return &cluster.EnvironmentError{Doing: doing, Err: err, Way: wayToEnter}
		}
		if !allowed {
			return wrong(wayToEnter, "this user has no right to %s pods/%s there", right.verb, right.sub)
		}
	}
	if c.image == "" {
		var err error
		if c.image, err = c.ownImage(ctx); err != nil {
			return wrong("name an image that has lapse as its entry point, as "+Scheme+"...?context=NAME&image=IMAGE", "%w", err)
		}
	}
	processes := slices.Contains(commands, cluster.CommandKill) || slices.Contains(commands, cluster.CommandPause)
	for _, node := range cluster.NodeNames(len(c.pods)) {
		p, err := c.get(ctx, c.pods[node])
		if err != nil {
			return &cluster.EnvironmentError{Doing: doing, Err: err, Way: wayToLook}
		}
		six := p.sixth()
		switch addr, err := netip.ParseAddr(p.Status.PodIP); {
		case p.Spec.HostNetwork || p.Spec.HostPID:
			return wrong("leave these faults out, or do them by commands of --operator", "the pod %s has the network or the processes of its machine, which would be broken too", p.Name)
		case err != nil || !addr.Is4():
			return wrong("leave these faults out, or do them by commands of --operator", "the pod %s is at %q, which is no IPv4 address", p.Name, p.Status.PodIP)
		case six != "" && slices.Contains(commands, cluster.CommandCut):
			return wrong("leave these faults out, or do them by commands of --operator", "the pod %s is at %s as well, and IPv6 would not be cut: only IPv4 is", p.Name, six)
		case processes && !p.Spec.ShareProcessNamespace:
			return wrong("set shareProcessNamespace: true in the pods' template, or leave kill and pause out",
				"the processes of the pod %s cannot be reached from another container, and the first of a container cannot be killed or stopped from within", p.Name)
		}
		if err := c.put(ctx, p.Name, "lapse-asks", c.image, true); err != nil {
			return c.barred(doing, err)
		}
	}
	return nil
}

// Carry implements cluster.Carrier. A link is cut and healed at both its ends, since
// rules are for what arrives.
func (c *carrier) Carry(ctx context.Context, node, address, command string, peers []string) error {
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("the port of %s: %w", address, err)
	}
	order := inpod.Order{Command: command, Port: port, Peers: map[string]string{}}
	for _, peer := range peers {
		if order.Peers[peer], err = c.where(ctx, peer, text); err != nil {
			return err
		}
	}
	switch command {
	case cluster.CommandCut, cluster.CommandHeal:
		back := order
		own, err := c.where(ctx, node, text)
		if err != nil {
			return err
		}
		back.Peers = map[string]string{node: own}
		err = c.order(ctx, node, order)
		for _, peer := range peers {
			if at := c.order(ctx, peer, back); at != nil && err != nil {
				err = fmt.Errorf("%w; %w", err, at)
			} else if at != nil {
				err = at
			}
		}
		return err
	}
	return c.order(ctx, node, order)
}

// where is the address of a node's pod now.
func (c *carrier) where(ctx context.Context, node, port string) (string, error) {
	now, err := c.Incarnation(ctx, node)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(now.Address, port), nil
}

// order has one node's container do something, and sees that it did.
func (c *carrier) order(ctx context.Context, node string, o inpod.Order) error {
	a, err := c.reach(ctx, node, o.Command)
	if err != nil || a == nil {
		return err
	}
	answer, err := a.ask(ctx, o)
	if err != nil {
		return fmt.Errorf("in the pod %s: %w", c.pods[node], err)
	}
	for peer, addr := range o.Peers {
		h, _, err := net.SplitHostPort(addr)
		if err != nil {
			return err
		}
		if o.Command == cluster.CommandCut && !slices.Contains(answer.Dropped, h) {
			return fmt.Errorf("in the pod %s: what comes from %s at %s is not dropped by any rule: there are %s", c.pods[node], peer, h, strings.Join(answer.Dropped, ", "))
		}
	}
	return nil
}

// reach is the hold on a node's pod. There is none, and nothing to do, if something is to
// be healed in a pod that has been replaced, or in a container that has ended, which has healed all:
// that it ended before its time is what Lost says.
func (c *carrier) reach(ctx context.Context, node, command string) (*attachment, error) {
	name, err := c.pod(node)
	if err != nil {
		return nil, err
	}
	h := c.holds[node]
	if err := h.take(ctx); err != nil {
		return nil, fmt.Errorf("waiting for another order in the pod %s: %w", name, err)
	}
	defer h.leave()
	p, err := c.get(ctx, name)
	if err != nil {
		return nil, err
	}
	if a := h.attached; a != nil {
		another := a.pod != string(p.UID)
		if !a.ended() && !another {
			return a, nil
		}
		a.end(nil)
		h.drop(another || p.DeletionTimestamp != nil)
	}
	switch command {
	case cluster.CommandHeal, cluster.CommandStart, cluster.CommandResume:
		return nil, nil
	}
	if !c.selector.Matches(labels.Set(p.Labels)) {
		return nil, fmt.Errorf("the pod %s has no longer the labels %s by which it was found, and is left alone", name, c.selector)
	}
	h.attached, err = c.begin(ctx, h, p)
	return h.attached, err
}

// Lost implements cluster.Holder.
func (c *carrier) Lost(ctx context.Context, node string, since time.Time) error {
	name, err := c.pod(node)
	if err != nil {
		return err
	}
	h := c.holds[node]
	if err := h.take(ctx); err != nil {
		return fmt.Errorf("waiting for another order in the pod %s: %w", name, err)
	}
	defer h.leave()
	if a := h.attached; a != nil && len(a.broken()) > 0 {
		if !a.ended() {
			a.look(ctx)
		}
		if a.ended() {
			// What was broken in a pod that has been replaced is gone with it, as it should be.
			now, err := c.Incarnation(ctx, node)
			h.drop(err == nil && (now.ID != a.pod || now.Ending))
		}
	}
	return h.lostSince(name, since)
}

// Close implements cluster.Carrier: the containers heal what is still broken, and end. All are told to, also
// if one cannot be for an order that is under way in its pod.
func (c *carrier) Close(ctx context.Context) error {
	var errs []error
	var taken []*hold
	for node, h := range c.holds {
		if err := h.take(ctx); err != nil {
			errs = append(errs, fmt.Errorf("waiting for an order in the pod %s: %w", c.pods[node], err))
			continue
		}
		defer h.leave()
		taken = append(taken, h)
		if h.attached != nil {
			h.attached.end(nil)
		}
	}
	for _, h := range taken {
		if h.attached == nil {
			continue
		}
		select {
		case <-h.attached.gone:
			h.attached = nil
		case <-ctx.Done():
			return errors.Join(append(errs, ctx.Err())...)
		}
	}
	return errors.Join(errs...)
}
