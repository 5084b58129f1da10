package etcd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	driver "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/external"
	"github.com/lapse-test/lapse/targets/outcome"
	"github.com/lapse-test/lapse/targets/wire"
)

var _ targets.Externalizer = Target{}

// External implements targets.Externalizer: etcd, or what speaks its protocol.
func (Target) External(at []string) (targets.Target, error) {
	return external.At(at, external.Kind{
		Info: external.Info(Target{}.Info(), "etcd, or what speaks its protocol, on an external cluster", clientOptions...),
		Port: clientPort, Login: &login, Alive: alive, Visit: newVisit, Joins: true,
		Namespace: external.Namespace{
			What: "the keys below %s/", Remove: "etcdctl del --prefix %s/ && etcdctl del " + marks + "%s", Most: 64,
		},
		Settings: func(cfg targets.Config) (targets.Config, error) {
			_, err := parse(cfg)
			return cfg, err
		},
		Abilities: []ability.Ability{ability.Primary, ability.Clients}, Promises: Target{}.Promises, Examples: examples,
	})
}

// login names the variables with the credentials.
var login = external.LoginOf(Name)

// overGRPC is a, and speaks what gRPC does.
func overGRPC(a wire.Access, timeout time.Duration) access {
	if a.TLS != nil {
		a.TLS.NextProtos = []string{"h2"}
	}
	return access{Access: a, timeout: timeout}
}

// alive is the liveness probe: whatever a server answers, it is an answer, and so is its
// way to refuse an encrypted connection, whose cause Meet tells.
func alive(ctx context.Context, addr string, options map[string]string) error {
	a, err := external.Anonymous(options, addr)
	if err != nil {
		return err
	}
	if a.TLS != nil {
		a.TLS.InsecureSkipVerify = true //nolint:gosec // it is told nothing, and only asked whether it is there
	}
	l, err := newLink(overGRPC(a, 0), true)
	if err != nil {
		return err
	}
	defer l.close()
	_, err = l.Status(ctx, addr)
	switch said(err).Code() {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		if err = l.plain(err); ctx.Err() == nil && a.TLS != nil && closes(err) {
			return nil
		}
		return err
	}
	return ctx.Err()
}

// closes matches what a server that does not encrypt does to who wants it to.
func closes(err error) bool {
	return outcome.Is(io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET)(err)
}

// visit is an external etcd, in which the run has keys with a prefix of their own.
type visit struct {
	external.Stay
	gates
	set   settings
	nodes []access
	found []*driver.StatusResponse

	mu    sync.Mutex
	admin []*link
	// token lets sessions in, and was given at got: to ask for one costs the servers so
	// much that a session each would keep them busy.
	token string
	got   time.Time
}

var (
	_ external.Driver = (*visit)(nil)
	_ targets.Joined  = (*visit)(nil)
)

// marks begins the keys that say which runs have keys here.
const marks = "lapse_runs/"

func newVisit(stay external.Stay, cfg targets.Config) (external.Driver, error) {
	n := len(stay.At)
	v := &visit{Stay: stay, nodes: make([]access, n), admin: make([]*link, n), found: make([]*driver.StatusResponse, n), gates: newGates(cluster.NodeNames(n))}
	for i, a := range stay.Accesses {
		v.nodes[i] = overGRPC(a, cfg.OpTimeout)
	}
	v.Cures = cures(v.nodes[0].TLS != nil)
	var err error
	v.set, err = parse(cfg)
	return v, err
}

// Meet implements external.Driver.
func (v *visit) Meet(ctx context.Context, i int) (string, error) {
	l, err := newLink(v.nodes[i], false)
	if err != nil {
		return "", err
	}
	v.admin[i] = l
	f, err := l.Status(ctx, v.At[i])
	if err != nil {
		return "", l.plain(err)
	}
	v.found[i] = f
	v.Identify(i, "member", fmt.Sprintf("%x", f.Header.MemberId))
	if f.Leader == f.Header.MemberId {
		return "is the leader, etcd " + f.Version, nil
	}
	return "is a member, etcd " + f.Version, nil
}

// Fit implements external.Driver.
func (v *visit) Fit(context.Context) error {
	first := v.found[0].Header.ClusterId
	for i, f := range v.found {
		if f.Header.ClusterId != first {
			return targets.Usagef("--at: %s and %s are not of one cluster (%x and %x)", v.At[0], v.At[i], first, f.Header.ClusterId)
		}
	}
	return nil
}

// cures are for what a server says to whoever it does not let in.
func cures(encrypted bool) external.Cures {
	is := func(errs ...error) func(error) bool { return oneOf(errs) }
	return external.Cures{
		{Match: is(rpctypes.ErrGRPCUserEmpty), Way: "it wants to know who asks: set " + login.User + " and " + login.Password},
		{Match: is(rpctypes.ErrGRPCAuthFailed), Way: "have " + login.User + " and " + login.Password + " right"},
		{Match: is(rpctypes.ErrGRPCAuthNotEnabled), Way: "it asks nobody who they are: unset " + login.User + " and " + login.Password},
		{Match: is(rpctypes.ErrGRPCPermissionDenied), Way: "grant the user's role the keys of lapse: etcdctl role grant-permission ROLE --prefix=true readwrite lapse_"},
		{Match: is(rpctypes.ErrGRPCNoSpace), Way: "compact and defragment it, and disarm the alarm: etcdctl alarm disarm"},
		{Match: func(err error) bool { return closes(err) && encrypted }, Way: "it closes encrypted connections: use --set tls=off if that is all right"},
		{Match: has(codes.Unavailable), Way: "see whether the node is up and speaks etcd's protocol, and whether it wants an encrypted connection (--set tls=on)", Tell: errorTable.Explain},
	}
}

func (v *visit) mark() string { return marks + v.Namespace.Name }

// ask calls f with the link to node i. A link whose token has run out is made anew.
func (v *visit) ask(i int, f func(*link) error) error {
	v.mu.Lock()
	l := v.admin[i]
	v.mu.Unlock()
	err := l.plain(f(l))
	if err == nil || !oneOf(expired)(err) {
		return err
	}
	fresh, err := newLink(v.nodes[i], false)
	if err != nil {
		return err
	}
	v.mu.Lock()
	if v.admin[i] == l {
		v.admin[i] = fresh
	} else { // somebody else's question has made one meanwhile
		l, fresh = fresh, v.admin[i]
	}
	v.mu.Unlock()
	l.close()
	return fresh.plain(f(fresh))
}

// tokenAge bounds the age of a token that is given to new sessions: well below etcd's five minutes.
const tokenAge = time.Minute

// sessions are the nodes as sessions reach them.
func (v *visit) sessions(ctx context.Context) ([]access, error) {
	if v.nodes[0].User == "" {
		return v.nodes, nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.token == "" || time.Since(v.got) > tokenAge {
		var errs []error
		v.token = ""
		for _, l := range v.admin {
			once, cancel := context.WithTimeout(ctx, max(v.set.timeout, time.Second))
			given, err := l.Authenticate(once, v.nodes[0].User, v.nodes[0].Password)
			cancel()
			switch {
			case err == nil:
				v.token, v.got = given.Token, time.Now()
			case oneOf([]error{rpctypes.ErrGRPCAuthNotEnabled})(err):
				return v.as(""), nil // it asks nobody who they are
			}
			if v.token != "" {
				break
			}
			errs = append(errs, l.plain(err))
		}
		if v.token == "" {
			return nil, errors.Join(errs...)
		}
	}
	return v.as(v.token), nil
}

// as are the nodes as who has the token reaches them.
func (v *visit) as(token string) []access {
	out := slices.Clone(v.nodes)
	for i := range out {
		out[i].User, out[i].Password, out[i].token = "", "", token
	}
	return out
}

// Marks implements external.Driver: the run's own, and the first of others.
func (v *visit) Marks(ctx context.Context) (map[string]string, error) {
	const most = 20
	all := map[string]string{}
	err := v.ask(0, func(l *link) error {
		got, err := l.Txn(ctx).Then(driver.OpGet(v.mark()), driver.OpGet(marks, driver.WithPrefix(), driver.WithLimit(most))).Commit()
		if err != nil {
			return err
		}
		for _, r := range got.Responses {
			for _, kv := range r.GetResponseRange().Kvs {
				all[strings.TrimPrefix(string(kv.Key), marks)] = string(kv.Value)
			}
		}
		return nil
	})
	return all, v.Explain(0, err)
}

// Make implements external.Driver.
func (v *visit) Make(ctx context.Context) error {
	done, err := v.admin[0].Txn(ctx).If(driver.Compare(driver.CreateRevision(v.mark()), "=", 0)).Then(driver.OpPut(v.mark(), v.Mark())).Commit()
	return external.Unmade(err == nil && !done.Succeeded, err != nil && oneOf(refusals)(err), v.Explain(0, err))
}

// prefix returns the beginning of the run's keys.
func (v *visit) prefix() string { return v.Namespace.Name + "/" }

// Shows implements targets.Joined: the key that says that the run has keys here is in what the member itself has, be there a
// leader or not.
func (v *visit) Shows(ctx context.Context, node int) error {
	ctx, cancel := context.WithTimeout(ctx, max(v.set.timeout, time.Second))
	defer cancel()
	return v.Explain(node, v.ask(node, func(l *link) error {
		got, err := l.Get(ctx, v.mark(), driver.WithSerializable(), driver.WithCountOnly())
		if err == nil && got.Count == 0 {
			err = targets.ErrElsewhere
		}
		return err
	}))
}

// Serves implements external.Driver.
func (v *visit) Serves(ctx context.Context, node int) error {
	ctx, cancel := context.WithTimeout(ctx, max(v.set.timeout, time.Second))
	defer cancel()
	err := v.ask(node, func(l *link) error { return prove(ctx, l, v.prefix()+readyKey) })
	return v.Explain(node, err)
}

// Drop implements external.Driver.
func (v *visit) Drop(ctx context.Context) error {
	return v.InTurn(func(node int) error {
		ctx, cancel := context.WithTimeout(ctx, max(v.set.timeout, time.Second))
		defer cancel()
		return errorTable.Explain(v.ask(node, func(l *link) error {
			_, err := l.Txn(ctx).Then(driver.OpDelete(v.prefix(), driver.WithPrefix()), driver.OpDelete(v.mark())).Commit()
			return err
		}))
	}, nil)
}

// Close implements external.Driver.
func (v *visit) Close() error {
	for _, l := range v.admin {
		if l != nil { // it was met
			l.close()
		}
	}
	return nil
}

// Open implements targets.System.
func (v *visit) Open(ctx context.Context, session targets.Session) (targets.Client, error) {
	nodes, err := v.sessions(ctx)
	if err != nil {
		return nil, errorTable.Explain(err)
	}
	return newClient(v.set, nodes, v.prefix(), v.gates.at[session.Home], session), nil
}

// Primary implements ability.Primarier.
func (v *visit) Primary(ctx context.Context) (string, error) {
	v.mu.Lock()
	links := slices.Clone(v.admin)
	v.mu.Unlock()
	i, err := leaderOf(ctx, links, v.nodes, v.set.timeout)
	if err != nil {
		return "", err
	}
	return v.Cluster().Nodes()[i].Name(), nil
}

// Version implements targets.System.
func (v *visit) Version() string { return "etcd " + v.found[0].Version }
