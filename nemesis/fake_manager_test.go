package nemesis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lapse-test/lapse/targets/ability"
)

func (f *fake) ordered(do func()) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lies.orderRefused || f.lies.refusedWhileCut && len(f.cut) > 0 {
		return errors.New("412 Precondition Failed: no good candidates have been found")
	}
	if !f.lies.orderNothing {
		do()
	}
	return nil
}

func (f *fake) Switchover(_ context.Context, _ string) error {
	return f.ordered(func() { f.leader++ })
}

func (f *fake) RestartServer(_ context.Context, name string) error {
	return f.ordered(func() { f.restarts[name]++ })
}

func (f *fake) Reinitialize(_ context.Context, name string) error {
	return f.ordered(func() { f.remade[name] = time.Now() })
}

func (f *fake) Managed(context.Context) (map[string]ability.ManagedNode, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lies.managerUntold {
		return nil, errors.New("no manager answers")
	}
	out := map[string]ability.ManagedNode{}
	for i, name := range f.names {
		n := ability.ManagedNode{Leads: i == f.leader%len(f.names), Serves: true, State: "running", Timeline: f.leader + 1, Since: fmt.Sprint("start ", f.restarts[name])}
		if at := f.remade[name]; !at.IsZero() {
			n.Since = "start " + at.String()
			if f.lies.staysOut || time.Since(at) < f.readyAfter {
				n.Serves, n.State = false, "creating replica"
			}
		}
		out[name] = n
	}
	return out, nil
}
