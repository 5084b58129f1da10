package providers

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets/cluster"
)

type fake struct {
	name string
	err  error
}

func (f fake) Name() string                                  { return f.name }
func (f fake) Available(context.Context, cluster.Spec) error { return f.err }
func (f fake) Open(context.Context, cluster.Spec) (cluster.Cluster, error) {
	return nil, errors.New("not opened here")
}

func TestChoose(t *testing.T) {
	no := &cluster.EnvironmentError{Doing: "trying", Err: errors.New("forbidden"), Way: "ask for it"}
	for _, c := range []struct {
		title  string
		all    []Entry
		name   string
		want   string
		reason string // is contained
		errs   []string
	}{
		{"the first", []Entry{{Provider: fake{"a", nil}, About: "in a", Auto: true}, {Provider: fake{"b", nil}, About: "in b", Auto: true}}, "auto", "a", "in a", nil},
		{"the second, and why", []Entry{{Provider: fake{"a", no}, About: "in a", Auto: true}, {Provider: fake{"b", nil}, About: "in b", Auto: true}}, "auto", "b", "in b (not a: trying: forbidden)", nil},
		{"not by itself", []Entry{{Provider: fake{"a", nil}, About: "in a", Auto: false}, {Provider: fake{"b", nil}, About: "in b", Auto: true}}, "auto", "b", "in b", nil},
		{"by name", []Entry{{Provider: fake{"a", nil}, About: "in a", Auto: true}, {Provider: fake{"b", nil}, About: "in b", Auto: false}}, "b", "b", "in b", nil},
		{"by name, impossible", []Entry{{Provider: fake{"a", no}, About: "in a", Auto: true}, {Provider: fake{"b", nil}, About: "in b", Auto: true}}, "a", "", "", []string{"provider a", "forbidden", "ask for it"}},
		{"none", []Entry{{Provider: fake{"a", no}, About: "in a", Auto: true}, {Provider: fake{"b", no}, About: "in b", Auto: true}}, "auto", "", "", []string{"a: trying: forbidden; ask for it", "b: trying"}},
		{"unknown", []Entry{{Provider: fake{"a", nil}, About: "in a", Auto: true}}, "c", "", "", []string{`"c"`, "auto, a"}},
	} {
		t.Run(c.title, func(t *testing.T) {
			p, reason, err := Choose(context.Background(), c.all, c.name, cluster.Spec{})
			if c.errs == nil {
				if err != nil || p.Name() != c.want || reason != c.reason {
					t.Fatalf("chose %v, %q, %v", p, reason, err)
				}
				return
			}
			if err == nil {
				t.Fatalf("chose %v, want an error", p)
			}
			for _, s := range c.errs {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("the error %q does not say %q", err, s)
				}
			}
			var env *cluster.EnvironmentError
			if c.name != "c" && !errors.As(err, &env) {
				t.Errorf("%T is no EnvironmentError", err)
			}
		})
	}
}

// bringing is a provider whose nodes bring their software along.
type bringing struct{ fake }

func (bringing) Prepare(context.Context, cluster.Spec, func(string)) error { return nil }

func TestInstead(t *testing.T) {
	lacking := &cluster.EnvironmentError{Doing: "looking for software", Err: errors.New("no Java"), Way: "install it"}
	no := &cluster.EnvironmentError{Doing: "asking", Err: errors.New("no engine"), Way: "start one"}
	chosen := fake{"a", nil}
	all := []Entry{{Provider: chosen, About: "in a", Auto: true}, {Provider: fake{"b", nil}, About: "in b", Auto: true}, {Provider: bringing{fake{"c", nil}}, About: "in c", Auto: true}}
	p, reason, err := Instead(t.Context(), all, chosen, lacking, cluster.Spec{})
	if err != nil || p.Name() != "c" || reason != "in c (not a: looking for software: no Java)" {
		t.Errorf("chose %v, %q, %v", p, reason, err)
	}
	all[2].Provider = bringing{fake{"c", no}}
	_, _, err = Instead(t.Context(), all, chosen, lacking, cluster.Spec{})
	var env *cluster.EnvironmentError
	if !errors.As(err, &env) {
		t.Fatalf("%v is no EnvironmentError", err)
	}
	for _, s := range []string{"a: looking for software: no Java; install it", "c: asking: no engine; start one"} {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("the error %q does not say %q", err, s)
		}
	}
}

func TestAllAreNamed(t *testing.T) {
	if got := strings.Join(Names(Native()), " "); got != "auto sandbox local external" {
		t.Errorf("names: %s", got)
	}
}

// interrupted brings its software along and is being tried when the command is interrupted.
type interrupted struct {
	bringing
	stop func()
}

func (f interrupted) Available(context.Context, cluster.Spec) error {
	f.stop()
	return f.err
}

// TestInterruptIsNoReasonForAnother: a provider that was given up because of an interrupt says nothing about the machine,
// and nodes are made nowhere else.
func TestInterruptIsNoReasonForAnother(t *testing.T) {
	why := errors.New("interrupt signal received")
	for name, choose := range map[string]func(context.Context, []Entry) (cluster.Provider, string, error){
		"by itself": func(ctx context.Context, all []Entry) (cluster.Provider, string, error) {
			return Choose(ctx, all, Auto, cluster.Spec{})
		},
		"instead": func(ctx context.Context, all []Entry) (cluster.Provider, string, error) {
			return Instead(ctx, all, fake{"c", nil}, errors.New("no software"), cluster.Spec{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, stopped := range []bool{false, true} {
				ctx, cancel := context.WithCancelCause(t.Context())
				first := interrupted{bringing{fake{"a", errors.New("it ended")}}, func() {
					if stopped {
						cancel(why)
					}
				}}
				all := []Entry{{Provider: first, About: "in a", Auto: true}, {Provider: bringing{fake{"b", nil}}, About: "in b", Auto: true}}
				p, _, err := choose(ctx, all)
				cancel(nil)
				if stopped && (p != nil || !errors.Is(err, why)) || !stopped && (err != nil || p.Name() != "b") {
					t.Errorf("interrupted: %t: chose %v, %v", stopped, p, err)
				}
			}
		})
	}
}
