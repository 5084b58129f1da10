package mysql

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/external"
	"github.com/lapse-test/lapse/targets/cluster/providers"
)

// at are the addresses of the deployment's nodes, and its administrator's credentials
// are in the environment.
func (d *deployment) at(t *testing.T) []string {
	t.Setenv(envUser, adminUser)
	t.Setenv(envPassword, d.password)
	var at []string
	for i := range d.Nodes {
		addr, err := d.Addr(i, port)
		must(t, err)
		at = append(at, addr)
	}
	return at
}

// forwarded is another address of the server at addr.
func forwarded(t *testing.T, addr string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", addr)
			if err != nil {
				_ = in.Close()
				continue
			}
			for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
				go func() {
					_, _ = io.Copy(way[0], way[1]) // until one of them ends
					_ = way[0].Close()
				}()
			}
		}
	}()
	return l.Addr().String()
}

// externalCluster drives servers that the test started, as an external cluster.
func externalCluster(t *testing.T, d *deployment) {
	at := d.at(t)
	target, err := Target{}.External(at)
	must(t, err)
	cfg, err := target.Resolve(targets.Config{Run: "r1", ReadLevel: readReplica, Options: map[string]string{"tls": "off"}})
	must(t, err)
	text, err := target.(targets.Fetcher).Present(d.ctx, cfg)
	must(t, err)
	for _, want := range []string{"10.11.", "n1 (" + at[0] + ") takes writes", "n2 (" + at[1] + ") a replica"} {
		if !strings.Contains(text, want) {
			t.Errorf("it says %q, without %q", text, want)
		}
	}
	env := runs.Environment{Out: t.TempDir(), Providers: providers.Native(), Progress: harness.Silent{}, Log: d.Logger, Targets: []targets.Target{Target{}}}
	planned, err := runs.Plan(d.ctx, runs.Request{
		Target: Name, At: at, Options: map[string]string{"tls": "off"}, Workload: "register", Models: "linearizable",
		Rate: 200, Duration: 4 * time.Second, Seed: 3, Seeded: true, Faults: "client-death",
	}, env)
	must(t, err)
	done, err := runs.Run(d.ctx, planned, external.Provider{}, "for the test", env)
	must(t, err)
	if f := done.Summary.Load.Faults; f.TookEffect == 0 || f.TookEffect != f.Injected || f.Healed != f.Injected {
		t.Errorf("of the faults there are %+v", f)
	}
	if v, ok := done.Summary.ByModel("linearizable"); !ok || v.Status != "held" {
		t.Errorf("linearizable is %s %v", v.Status, v.Reasons)
	}
	must(t, d.admin(d.ctx, 0, func(c *conn) error {
		r, err := c.query(d.ctx, `SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'lapse\_%'`)
		if len(r.values) != 1 {
			t.Errorf("there are the databases %v, want the deployment's alone", r.values)
		}
		return err
	}))
	twice, err := Target{}.External([]string{forwarded(t, at[0]), at[0]})
	must(t, err)
	two, err := twice.Resolve(targets.Config{Run: "r1", ReadLevel: readAny, Options: map[string]string{"tls": "off"}})
	must(t, err)
	told, err := twice.(targets.Fetcher).Present(d.ctx, two)
	if err != nil || !strings.Contains(told, "n1 and n2 may be one server (takes writes, its data at ") {
		t.Errorf("one server by two names: %q, %v", told, err)
	}
	t.Setenv(envPassword, "another")
	_, err = target.(targets.Fetcher).Present(d.ctx, cfg)
	var environment *cluster.EnvironmentError
	if !errors.As(err, &environment) || !strings.Contains(environment.Way, envPassword) || strings.Contains(err.Error(), "another\"") {
		t.Errorf("a wrong password: %v", err)
	}
	t.Setenv(envPassword, d.password)
	if err := alive.Alive(d.ctx, at[0], nil); err != nil {
		t.Errorf("a server that runs: %v", err)
	}
	must(t, d.Nodes[2].Kill(d.ctx))
	if err := alive.Alive(context.WithoutCancel(d.ctx), at[2], nil); err == nil {
		t.Error("a dead server is alive")
	}
	if _, err = target.(targets.Fetcher).Present(d.ctx, cfg); !errors.As(err, &environment) || !strings.Contains(err.Error(), at[2]) {
		t.Errorf("a node that is down: %v", err)
	}
}
