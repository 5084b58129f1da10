package external

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// visit is a Driver of which nothing is made.
type visit struct {
	Stay
	refuses, closed int
	fit             error
	// identities are what each node says it is, looks what others may say as well.
	identities, looks [2]string
}

var errWho = errors.New("who are you")

func (v *visit) Meet(_ context.Context, node int) (string, error) {
	if node == v.refuses {
		return "", errWho
	}
	v.Identify(node, "number", v.identities[node])
	v.Resemble(node, "started at", v.looks[node])
	return "takes writes", nil
}

func (v *visit) Fit(context.Context) error {
	v.Lines = append(v.Lines, "two of them")
	return v.fit
}

func (*visit) Open(context.Context, targets.Session) (targets.Client, error) {
	return nil, errors.New("it is only looked at")
}
func (*visit) Version() string                                  { return "1.0" }
func (*visit) Marks(context.Context) (map[string]string, error) { return nil, nil }
func (*visit) Make(context.Context) error                       { return nil }
func (*visit) Serves(context.Context, int) error                { return nil }
func (*visit) Drop(context.Context) error                       { return nil }
func (v *visit) Close() error                                   { v.closed++; return nil }

// TestLook: every node is met, and has a line; what one of them refuses is explained, and on an
// error nothing is left open.
func TestLook(t *testing.T) {
	for name, c := range map[string]struct {
		visit visit
		made  error
		want  []string
		wrong bool
	}{
		"two nodes":                {visit: visit{refuses: -1}, want: []string{"1.0; n1 (a:1) takes writes; n2 (b:1) takes writes; two of them"}},
		"one lets nobody in":       {visit: visit{refuses: 1}, wrong: true, want: []string{"asking the node at b:1: who are you", "say who you are"}},
		"one server by two names":  {visit: visit{refuses: -1, identities: [2]string{"x", "x"}}, wrong: true, want: []string{"a:1 and b:1 are one server (number x)", "each server once"}},
		"two servers that say it":  {visit: visit{refuses: -1, identities: [2]string{"x", "y"}}, want: []string{"n2 (b:1) takes writes"}},
		"one of them says nothing": {visit: visit{refuses: -1, identities: [2]string{"x", ""}}, want: []string{"n2 (b:1) takes writes"}},
		"two whose number is zero": {visit: visit{refuses: -1, identities: [2]string{"00-0", "00-0"}}, want: []string{"n2 (b:1) takes writes; two of them"}},
		"two that look alike":      {visit: visit{refuses: -1, looks: [2]string{"noon", "noon"}}, want: []string{"n2 (b:1) takes writes; n1 and n2 may be one server (started at noon): then name it once"}},
		"two that do not":          {visit: visit{refuses: -1, looks: [2]string{"noon", "one"}}, want: []string{"n2 (b:1) takes writes; two of them"}},
		"they do not fit":          {visit: visit{refuses: -1, fit: targets.Usagef("--at: two clusters")}, wrong: true, want: []string{"--at: two clusters"}},
		"not even a visit":         {visit: visit{refuses: -1}, made: targets.Usagef("--set x"), wrong: true, want: []string{"--set x"}},
	} {
		v := &c.visit
		text, err := target{Kind{At: []string{"a:1", "b:1"}, Visit: func(stay Stay, _ targets.Config) (Driver, error) {
			v.Stay = stay
			v.Cures = Cures{{Match: func(err error) bool { return errors.Is(err, errWho) }, Way: "say who you are"}}
			return v, c.made
		}}}.Present(t.Context(), targets.Config{Run: "r1"})
		if c.wrong != (err != nil) || v.closed != 1 {
			t.Errorf("%s: %v, closed %d times", name, err, v.closed)
		}
		var environment *cluster.EnvironmentError
		if errors.As(err, &environment) {
			text += environment.Way
		}
		for _, part := range c.want {
			if said := fmt.Sprint(text, err); !strings.Contains(said, part) {
				t.Errorf("%s: %q does not say %q", name, said, part)
			}
		}
	}
}

// TestMeetTellsTheFirst: of several nodes that refuse, the first in order is told, whoever is
// quicker; and no node's answer is that another's refusal cut it short.
func TestMeetTellsTheFirst(t *testing.T) {
	for _, c := range []struct {
		name string
		errs [3]error
		want string
	}{
		{"none refuses", [3]error{}, ""},
		{"the last refuses, before the others have answered", [3]error{nil, nil, errWho}, "asking the node at c:1: who are you"},
		{"two refuse, the last one before the first", [3]error{errors.New("down"), nil, errWho}, "asking the node at a:1: down"},
		{"all refuse", [3]error{errWho, errors.New("down"), errors.New("down")}, "asking the node at a:1: who are you"},
	} {
		d := &inTurns{visit: visit{Stay: Stay{At: []string{"a:1", "b:1", "c:1"}}}, errs: c.errs}
		for range d.errs {
			d.done = append(d.done, make(chan struct{}))
		}
		err := meet(t.Context(), d)
		if got := fmt.Sprint(err); err == nil && c.want != "" || err != nil && !strings.Contains(got, c.want) || err != nil && c.want == "" {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// inTurns is a Driver whose nodes answer from the last to the first.
type inTurns struct {
	visit
	errs [3]error
	done []chan struct{}
}

func (v *inTurns) Meet(ctx context.Context, node int) (string, error) {
	defer close(v.done[node])
	if node+1 < len(v.done) {
		<-v.done[node+1]
		runtime.Gosched() // whoever waits for what was answered has its turn
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	return "", v.errs[node]
}
