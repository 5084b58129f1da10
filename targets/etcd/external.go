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
)

var _ targets.Externalizer = Target{}

// External implements targets.Externalizer: etcd, or what speaks its protocol.
func (Target) External(at []string) (targets.Target, error) {
	list, err := external.Addresses(at, clientPort)
	if err != nil {
		return nil, err
	}
	return external.New(external.Kind{
		Info: externalInfo(), At: list, Port: clientPort, Login: &login, Alive: alive, Look: look, Joins: true,
		Settings: func(cfg targets.Config) (targets.Config, error) {
			_, err := parse(cfg)
			return cfg, err
		},
		Abilities: []ability.Ability{ability.Primary, ability.Clients},
		Promises:  Target{}.Promises,
		Examples:  examples,
	}), nil
}

func externalInfo() targets.Info {
	i := Target{}.Info()
	i.Summary = "etcd, or what speaks its protocol, on an external cluster"
	i.Options = append(append([]targets.Option{}, clientOptions...), external.TLSOptions()...)
	return i
}

// login names the variables with the credentials.
var login = external.LoginOf(Name)

// admissions returns the access to each node, with the credentials of the environment.
func admissions(cfg targets.Config, at []string) ([]access, error) {
	list, err := login.Accesses(cfg.Options, at)
	if err != nil {
		return nil, err
	}
	out := make([]access, len(list))
	for i, a := range list {
		out[i] = access{Access: a, timeout: cfg.OpTimeout}
		if a.TLS != nil {
			a.TLS.NextProtos = []string{"h2"} // what gRPC speaks
		}
	}
	return out, nil
}

// alive is the liveness probe: whatever a server answers, it is an answer, and so is its
// way to refuse an encrypted connection, whose cause Look tells.
func alive(ctx context.Context, addr string, options map[string]string) error {
	as, err := admissions(targets.Config{Options: options}, []string{addr})
	if err != nil {
		return err
	}
	as[0].User, as[0].Password = "", ""
	if as[0].TLS != nil {
		as[0].TLS.InsecureSkipVerify = true //nolint:gosec // it is told nothing, and only asked whether it is there
	}
	l, err := newLink(as[0], true)
	if err != nil {
		return err
	}
	defer l.close()
	_, err = l.Status(ctx, addr)
	switch said(err).Code() {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		if err = l.plain(err); ctx.Err() == nil && as[0].TLS != nil && closes(err) {
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

// maxName bounds the run's name in every key.
const maxName = 64

func look(ctx context.Context, at []string, cfg targets.Config) (_ external.Driver, err error) {
	v := &visit{found: make([]*driver.StatusResponse, len(at)), gates: newGates(cluster.NodeNames(len(at)))}
	v.At = at
	v.Place = external.Namespace{
		Name: external.OwnName(cfg.Run, maxName), What: "the keys below %s/",
		Remove: "etcdctl del --prefix %s/ && etcdctl del " + marks + "%s",
	}
	if v.set, err = parse(cfg); err != nil {
		return nil, err
	}
	if v.nodes, err = admissions(cfg, at); err != nil {
		return nil, err
	}
	for i, a := range v.nodes {
		l, err := newLink(a, false)
		if err != nil {
			return nil, errors.Join(v.explain("connecting to "+at[i], err), v.Close())
		}
		v.admin = append(v.admin, l)
		asked, cancel := context.WithTimeout(ctx, lookTimeout)
		v.found[i], err = l.Status(asked, a.Addr)
		cancel()
		if err != nil {
			return nil, errors.Join(v.explain("asking "+at[i], l.plain(err)), v.Close())
		}
	}
	for i, f := range v.found {
		if first := v.found[0]; f.Header.ClusterId != first.Header.ClusterId {
			return nil, errors.Join(targets.Usagef("--at: %s and %s are not of one cluster (%x and %x)", at[0], at[i], first.Header.ClusterId, f.Header.ClusterId), v.Close())
		}
		role := "member"
		if f.Leader == f.Header.MemberId {
			role = "leader"
		}
		v.Lines = append(v.Lines, fmt.Sprintf("%s: %s, %s", at[i], role, f.Version))
	}
	return v, nil
}

// lookTimeout is for one question to one node.
const lookTimeout = 10 * time.Second

// explain is an error of the server, with the way out.
func (v *visit) explain(doing string, err error) error {
	is := func(errs ...error) func(error) bool { return oneOf(errs) }
	return external.Cures{
		{Match: is(rpctypes.ErrGRPCUserEmpty), Way: "it wants to know who asks: set " + login.User + " and " + login.Password},
		{Match: is(rpctypes.ErrGRPCAuthFailed), Way: "have " + login.User + " and " + login.Password + " right"},
		{Match: is(rpctypes.ErrGRPCAuthNotEnabled), Way: "it asks nobody who they are: unset " + login.User + " and " + login.Password},
		{Match: is(rpctypes.ErrGRPCPermissionDenied), Way: "grant the user's role the keys of lapse: etcdctl role grant-permission ROLE --prefix=true readwrite lapse_"},
		{Match: is(rpctypes.ErrGRPCNoSpace), Way: "compact and defragment it, and disarm the alarm: etcdctl alarm disarm"},
		{Match: func(err error) bool { return closes(err) && v.nodes[0].TLS != nil }, Way: "it closes encrypted connections: use --set tls=off if that is all right"},
		{Match: has(codes.Unavailable), Way: "see whether the node is up and speaks etcd's protocol, and whether it wants an encrypted connection (--set tls=on)", Tell: errorTable.Explain},
	}.Explain(doing, err)
}

func (v *visit) mark() string { return marks + v.Place.Name }

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

// admitted are the nodes as sessions reach them.
func (v *visit) admitted(ctx context.Context) ([]access, error) {
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
	return all, v.explain("looking for "+v.mark(), err)
}

// Make implements external.Driver.
func (v *visit) Make(ctx context.Context) error {
	done, err := v.admin[0].Txn(ctx).If(driver.Compare(driver.CreateRevision(v.mark()), "=", 0)).Then(driver.OpPut(v.mark(), v.Mark())).Commit()
	return external.Unmade(err == nil && !done.Succeeded, err != nil && oneOf(refusals)(err), v.explain("writing "+v.mark(), err))
}

// prefix returns the beginning of the run's keys.
func (v *visit) prefix() string { return v.Place.Name + "/" }

// Shows implements targets.Joined: the key that says that the run has keys here is in what the member itself has, be there a
// leader or not.
func (v *visit) Shows(ctx context.Context, node int) error {
	ctx, cancel := context.WithTimeout(ctx, max(v.set.timeout, time.Second))
	defer cancel()
	return v.explain("looking for "+v.mark()+" at "+v.At[node], v.ask(node, func(l *link) error {
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
	return v.explain("writing and reading by "+v.At[node], err)
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
	}, func(error) bool { return false })
}

// Close implements external.Driver.
func (v *visit) Close() error {
	for _, l := range v.admin {
		l.close()
	}
	return nil
}

// Open implements targets.System.
func (v *visit) Open(ctx context.Context, session targets.Session) (targets.Client, error) {
	nodes, err := v.admitted(ctx)
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
