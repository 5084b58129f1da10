package kubernetes

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/kubernetes/inpod"
	"github.com/lapse-test/lapse/targets/cluster/kubernetes/kubernetestest"
)

// enter are the rights that a carrier needs.
var enter = append([]string{"patch pods/ephemeralcontainers", "get pods/attach", "create pods/attach"}, look...)

// rules is an agent that keeps what was cut, and lists it.
type rules map[string]map[string]bool

func (r rules) answer(pod string, o inpod.Order) inpod.Answer {
	if r[pod] == nil {
		r[pod] = map[string]bool{}
	}
	for _, addr := range o.Peers {
		ip, _, _ := strings.Cut(addr, ":")
		switch o.Command {
		case cluster.CommandCut:
			r[pod][ip] = true
		case cluster.CommandHeal:
			delete(r[pod], ip)
		}
	}
	var out inpod.Answer
	for ip := range r[pod] {
		out.Dropped = append(out.Dropped, ip)
	}
	return out
}

// carrying is a carrier for three pods, n1 at 10.0.0.1 and so on, with agents that keep rules.
func carrying(t *testing.T) (*kubernetestest.API, *carrier, rules) {
	t.Helper()
	r := rules{}
	a := &kubernetestest.API{Pods: set(3), Rights: enter, Within: kubernetestest.Within{Answer: r.answer}}
	for name, pod := range a.Pods {
		pod["status"] = kubernetestest.Status("Running", "10.0.0."+string(name[len(name)-1]+1), true)
	}
	serve(t, a)
	found, err := Finder{}.Find(t.Context(), at+"&image=lapse")
	if err != nil {
		t.Fatal(err)
	}
	c := found.Carrier.(*carrier)
	t.Cleanup(func() {
		if err := c.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return a, c, r
}

func (c *carrier) do(t *testing.T, node, command string, peers ...string) error {
	t.Helper()
	return c.Carry(t.Context(), node, "db:7400", command, peers)
}

// TestLost: what was held until it was healed, and what was lost before; the cases differ in what happens meanwhile.
func TestLost(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(t *testing.T, a *kubernetestest.API, c *carrier, r rules)
		want      string
	}{
		"nothing": {func(*testing.T, *kubernetestest.API, *carrier, rules) {}, ""},
		"the connection ends": {func(_ *testing.T, a *kubernetestest.API, _ *carrier, _ rules) { a.Lose() },
			"it ended early: the hold on the pod db-0 was lost at "},
		"the connection ends, and a probe makes another": {func(t *testing.T, a *kubernetestest.API, c *carrier, _ rules) {
			a.Lose()
			<-c.holds["n1"].attached.gone
			if err := c.do(t, "n1", cluster.CommandProbe, "n2"); err != nil {
				t.Error(err)
			}
		}, "and with it what was done there (cut off from n2)"},
		"the connection ends after the healing": {func(t *testing.T, a *kubernetestest.API, c *carrier, _ rules) {
			if err := c.do(t, "n1", cluster.CommandHeal, "n2"); err != nil {
				t.Error(err)
			}
			a.Lose()
			<-c.holds["n1"].attached.gone
		}, ""},
		"the connection ends with its pod": {func(_ *testing.T, a *kubernetestest.API, _ *carrier, _ rules) {
			a.Change(func() { a.Pods["db-0"]["metadata"].(map[string]any)["uid"] = "another" })
			a.Lose()
		}, ""},
		"somebody removes the rules": {func(_ *testing.T, a *kubernetestest.API, _ *carrier, r rules) { a.Change(func() { clear(r) }) },
			"what comes from n2 at 10.0.0.2 is not dropped by any rule any more"},
	} {
		t.Run(name, func(t *testing.T) {
			a, carrier, r := carrying(t)
			before := time.Now()
			if err := carrier.do(t, "n1", cluster.CommandCut, "n2"); err != nil {
				t.Fatal(err)
			}
			c.meanwhile(t, a, carrier, r)
			after := func() error { return carrier.Lost(t.Context(), "n1", before) }
			for range 2 { // it is asked for each fault that was on
				if err := after(); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %q", err, c.want)
				}
			}
			// It can be healed all the same, and what is done next is another matter.
			if err := carrier.do(t, "n1", cluster.CommandHeal, "n2"); err != nil {
				t.Error(err)
			}
			since := time.Now()
			if err := carrier.do(t, "n1", cluster.CommandCut, "n3"); err != nil {
				t.Error(err)
			}
			if err := carrier.Lost(t.Context(), "n1", since); err != nil {
				t.Errorf("the next one: %v", err)
			}
		})
	}
}

// TestLostProcess: what the agent says of a process that was stopped.
func TestLostProcess(t *testing.T) {
	a, c, _ := carrying(t)
	before := time.Now()
	if err := c.do(t, "n1", cluster.CommandPause); err != nil {
		t.Fatal(err)
	}
	if err := c.Lost(t.Context(), "n1", before); err != nil {
		t.Error(err)
	}
	a.Change(func() {
		a.Answer = func(_ string, o inpod.Order) inpod.Answer {
			if o.Command == inpod.Ping {
				return inpod.Answer{Error: "the process 7 has been ended"}
			}
			return inpod.Answer{}
		}
	})
	if err := c.Lost(t.Context(), "n1", before); err == nil || !strings.Contains(err.Error(), "what was done there (pause): the process 7 has been ended") {
		t.Error(err)
	}
}

// TestOneContainer: one that does not run in time is waited for again, and none is put beside one that may still heal.
func TestOneContainer(t *testing.T) {
	a, c, _ := carrying(t)
	a.Change(func() { a.Slow = true })
	soon := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	for range 2 {
		if err := c.Carry(soon(), "n1", "db:7400", cluster.CommandPause, nil); err == nil || !strings.Contains(err.Error(), "ContainerCreating") {
			t.Errorf("it does not run: %v", err)
		}
	}
	a.Run("db-0", true)
	if err := c.do(t, "n1", cluster.CommandPause); err != nil {
		t.Error(err)
	}
	if len(a.Put) != 1 {
		t.Fatalf("put into pods: %q", a.Put)
	}
	a.Change(func() { a.Slow, a.Lingering = false, true })
	a.Lose()
	<-c.holds["n1"].attached.gone
	if err := c.Carry(soon(), "n1", "db:7400", cluster.CommandPause, nil); err == nil || !strings.Contains(err.Error(), "which was lost hold of, to end") {
		t.Errorf("the one before runs: %v", err)
	}
	a.Run("db-0", false)
	if err := c.do(t, "n1", cluster.CommandPause); err != nil {
		t.Error(err)
	}
	if len(a.Put) != 2 || a.Put[0] == a.Put[1] {
		t.Fatalf("put into pods: %q", a.Put)
	}
	for _, put := range a.Put {
		// The agent's table has the container's name.
		if !strings.HasPrefix(put, "db-0 in-pod lapse-") {
			t.Errorf("put %q", put)
		}
	}
}

// TestTurn: who waits for another order in the same pod does so no longer than it may.
func TestTurn(t *testing.T) {
	h := &hold{turn: make(chan struct{}, 1)}
	if err := h.take(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.take(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the turn is another's: %v", err)
	}
	h.leave()
	if err := h.take(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestCloseAll: all pods are let go of, whichever has an order under way.
func TestCloseAll(t *testing.T) {
	_, c, _ := carrying(t)
	for _, node := range []string{"n1", "n2", "n3"} {
		if err := c.do(t, node, cluster.CommandPause); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.holds["n2"].take(t.Context()); err != nil {
		t.Fatal(err)
	}
	others := []*attachment{c.holds["n1"].attached, c.holds["n3"].attached}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Close(ctx); err == nil || !strings.Contains(err.Error(), "waiting for an order in the pod db-1") {
		t.Error(err)
	}
	for _, a := range others {
		<-a.gone
	}
	c.holds["n2"].leave()
	if err := c.Close(t.Context()); err != nil || c.holds["n2"].attached != nil {
		t.Errorf("when it is over: %v", err)
	}
}

// TestMayEnter: pods that differ in one thing from those that can be broken from within.
func TestMayEnter(t *testing.T) {
	for name, c := range map[string]struct {
		change   func(pod map[string]any)
		commands []string
		want     string
	}{
		"a cut":           {func(map[string]any) {}, []string{cluster.CommandCut}, ""},
		"a pause":         {func(map[string]any) {}, []string{cluster.CommandPause}, "set shareProcessNamespace: true"},
		"a pause, shared": {func(p map[string]any) { p["spec"].(map[string]any)["shareProcessNamespace"] = true }, []string{cluster.CommandPause}, ""},
		"its machine's":   {func(p map[string]any) { p["spec"].(map[string]any)["hostNetwork"] = true }, []string{cluster.CommandCut}, "has the network"},
		"IPv6 alone":      {func(p map[string]any) { p["status"] = kubernetestest.Status("Running", "fd00::7", true) }, []string{cluster.CommandCut}, `is at "fd00::7", which is no IPv4`},
		"IPv4 twice":      {func(p map[string]any) { ips(p, "10.0.0.7", "10.0.0.8") }, []string{cluster.CommandCut}, ""},
		"IPv4 and IPv6, shared, a kill": {func(p map[string]any) {
			ips(p, "10.0.0.7", "fd00::7")
			p["spec"].(map[string]any)["shareProcessNamespace"] = true
		}, []string{cluster.CommandKill}, ""},
		"IPv4 and IPv6": {func(p map[string]any) { ips(p, "10.0.0.7", "fd00::7") }, []string{cluster.CommandCut}, "is at fd00::7 as well, and IPv6 would not be cut"},
	} {
		t.Run(name, func(t *testing.T) {
			a, carrier, _ := carrying(t)
			a.Change(func() {
				for _, pod := range a.Pods {
					c.change(pod)
				}
			})
			err := carrier.May(t.Context(), c.commands)
			var environment *cluster.EnvironmentError
			if (err == nil) != (c.want == "") || err != nil && (!errors.As(err, &environment) || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if len(a.Put) > 0 {
				t.Errorf("it changed something: %q", a.Put)
			}
		})
	}
}

func ips(pod map[string]any, all ...string) {
	list := []any{}
	for _, ip := range all {
		list = append(list, map[string]any{"ip": ip})
	}
	pod["status"].(map[string]any)["podIPs"] = list
}
