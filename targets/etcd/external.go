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
		Info: externalInfo(), At: list, Port: clientPort, Alive: alive,
		Settings: func(cfg targets.Config) (targets.Config, error) {
			if err := complete(&cfg); err != nil {
				return cfg, err
			}
			_, err := admissions(cfg, list)
			return cfg, err
		},
		Look:      func(ctx context.Context, cfg targets.Config) (external.Driver, error) { return look(ctx, list, cfg) },
		Abilities: func(targets.Config) []ability.Ability { return []ability.Ability{ability.Restart, ability.Primary} },
		Promises:  Target{}.Promises,
	}), nil
}

func externalInfo() targets.Info {
	i := Target{}.Info()
	i.Summary = "etcd, or what speaks its protocol, on an external cluster"
	i.Options = append(append([]targets.Option{}, clientOptions...), external.TLSOptions()...)
	return i
}

// The variables with the credentials.
const (
	envUser         = "LAPSE_ETCD_USER"
	envPassword     = "LAPSE_ETCD_PASSWORD"
	envPasswordFile = "LAPSE_ETCD_PASSWORD_FILE"
)

var login = external.Login{User: envUser, Password: envPassword, PasswordFile: envPasswordFile}

// admissions are how each node is reached, with the credentials of the environment.
func admissions(cfg targets.Config, at []string) ([]access, error) {
	user, password, err := login.Read()
	if err != nil {
		return nil, err
	}
	encryption, err := external.Encryptions(cfg.Options, at)
	if err != nil {
		return nil, err
	}
	out := make([]access, len(at))
	for i := range out {
		out[i] = access{addr: at[i], user: user, password: password, timeout: cfg.OpTimeout, tls: encryption[i]}
		if out[i].tls != nil {
			out[i].tls.NextProtos = []string{"h2"} // what gRPC speaks
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
	as[0].user, as[0].password = "", ""
	if as[0].tls != nil {
		as[0].tls.InsecureSkipVerify = true //nolint:gosec // it is told nothing, and only asked whether it is there
	}
	l, err := newLink(as[0], true)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // never fails
	_, err = l.Status(ctx, addr)
	switch said(err).Code() {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		if err = l.plain(err); ctx.Err() == nil && as[0].tls != nil && closes(err) {
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
	set      settings
	run, own string
	nodes    []access
	found    []*driver.StatusResponse

	mu    sync.Mutex
	admin []*link
	// token lets sessions in, and was given at got: to ask for one costs the servers so
	// much that a session each would keep them busy.
	token string
	got   time.Time
}

var _ external.Driver = (*visit)(nil)

// marks is what the keys begin with that say which runs have keys here.
const marks = "lapse_runs/"

// maxName bounds the run's name in every key.
const maxName = 64

func look(ctx context.Context, at []string, cfg targets.Config) (_ *visit, err error) {
	v := &visit{run: cfg.Run, own: external.OwnName(cfg.Run, maxName), found: make([]*driver.StatusResponse, len(at))}
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
		v.found[i], err = l.Status(asked, a.addr)
		cancel()
		if err != nil {
			return nil, errors.Join(v.explain("asking "+at[i], l.plain(err)), v.Close())
		}
	}
	for i, f := range v.found {
		if first := v.found[0]; f.Header.ClusterId != first.Header.ClusterId {
			return nil, errors.Join(targets.Usagef("--at: %s and %s are not of one cluster (%x and %x)", at[0], at[i], first.Header.ClusterId, f.Header.ClusterId), v.Close())
		}
	}
	return v, nil
}

// lookTimeout is for one question to one node.
const lookTimeout = 10 * time.Second

// explain is an error of the server, with the way out.
func (v *visit) explain(doing string, err error) error {
	is := func(errs ...error) func(error) bool { return oneOf(errs) }
	return external.Cures{
		{Match: is(rpctypes.ErrGRPCUserEmpty), Way: "it wants to know who asks: set " + envUser + " and " + envPassword},
		{Match: is(rpctypes.ErrGRPCAuthFailed), Way: "have " + envUser + " and " + envPassword + " right"},
		{Match: is(rpctypes.ErrGRPCAuthNotEnabled), Way: "it asks nobody who they are: unset " + envUser + " and " + envPassword},
		{Match: is(rpctypes.ErrGRPCPermissionDenied), Way: "grant the user's role the keys of lapse: etcdctl role grant-permission ROLE --prefix=true readwrite lapse_"},
		{Match: is(rpctypes.ErrGRPCNoSpace), Way: "compact and defragment it, and disarm the alarm: etcdctl alarm disarm"},
		{Match: func(err error) bool { return closes(err) && v.nodes[0].tls != nil }, Way: "it closes encrypted connections: use --set tls=off if that is all right"},
		{Match: has(codes.Unavailable), Way: "see whether the node is up and speaks etcd's protocol, and whether it wants an encrypted connection (--set tls=on)", Tell: errorTable.Explain},
	}.Explain(doing, err)
}

// Describe implements external.Driver.
func (v *visit) Describe() []string {
	var out []string
	for i, f := range v.found {
		role := "member"
		if f.Leader == f.Header.MemberId {
			role = "leader"
		}
		out = append(out, fmt.Sprintf("%s: %s, %s", v.nodes[i].addr, role, f.Version))
	}
	return out
}

// Place implements external.Driver.
func (v *visit) Place(name string) (what, remove string) {
	return "the keys below " + name + "/", "etcdctl del --prefix " + name + "/ && etcdctl del " + marks + name
}

// Own implements external.Driver.
func (v *visit) Own() string { return v.own }

func (v *visit) mark() string { return marks + v.own }

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
	v.admin[i] = fresh
	v.mu.Unlock()
	_ = l.Close() // never fails
	return fresh.plain(f(fresh))
}

// tokenAge is how long a token is given to new sessions: well below etcd's five minutes.
const tokenAge = time.Minute

// admitted are the nodes as sessions reach them.
func (v *visit) admitted(ctx context.Context) ([]access, error) {
	if v.nodes[0].user == "" {
		return v.nodes, nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.token == "" || time.Since(v.got) > tokenAge {
		var errs []error
		v.token = ""
		for _, l := range v.admin {
			once, cancel := context.WithTimeout(ctx, max(v.set.timeout, time.Second))
			given, err := l.Authenticate(once, v.nodes[0].user, v.nodes[0].password)
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
		out[i].user, out[i].password, out[i].token = "", "", token
	}
	return out
}

// Taken implements external.Driver.
func (v *visit) Taken(ctx context.Context) (bool, error) {
	taken := false
	err := v.ask(0, func(l *link) error {
		got, err := l.Get(ctx, v.mark())
		taken = err == nil && len(got.Kvs) > 0
		return err
	})
	return taken, v.explain("looking for "+v.mark(), err)
}

// Leftovers implements external.Driver.
func (v *visit) Leftovers(ctx context.Context) []string {
	const most = 20
	got, err := v.admin[0].Get(ctx, marks, driver.WithPrefix(), driver.WithLimit(most))
	if err != nil {
		return nil // it is a hint
	}
	all := map[string]string{}
	for _, kv := range got.Kvs {
		all[strings.TrimPrefix(string(kv.Key), marks)] = string(kv.Value)
	}
	return external.Marked(all, v.own)
}

// Make implements external.Driver.
func (v *visit) Make(ctx context.Context) error {
	done, err := v.admin[0].Txn(ctx).If(driver.Compare(driver.CreateRevision(v.mark()), "=", 0)).Then(driver.OpPut(v.mark(), external.Mark(v.run))).Commit()
	switch {
	case err != nil && oneOf(refusals)(err):
		return external.Refused(v.explain("writing "+v.mark(), err))
	case err != nil:
		return v.explain("writing "+v.mark(), err)
	case !done.Succeeded:
		return external.ErrTaken
	}
	return nil
}

// prefix is what the run's keys begin with.
func (v *visit) prefix() string { return v.own + "/" }

// Prove implements external.Driver.
func (v *visit) Prove(ctx context.Context) error {
	for i := range v.admin {
		if err := v.serves(ctx, i); err != nil {
			return v.explain("writing and reading by "+v.nodes[i].addr, err)
		}
	}
	return nil
}

func (v *visit) serves(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, max(v.set.timeout, time.Second))
	defer cancel()
	return v.ask(i, func(l *link) error { return prove(ctx, l, v.prefix()+readyKey) })
}

// Drop implements external.Driver.
func (v *visit) Drop(ctx context.Context) error {
	var errs []error
	for i := range v.nodes {
		once, cancel := context.WithTimeout(ctx, max(v.set.timeout, time.Second))
		err := v.ask(i, func(l *link) error {
			_, err := l.Txn(once).Then(driver.OpDelete(v.prefix(), driver.WithPrefix()), driver.OpDelete(v.mark())).Commit()
			return err
		})
		cancel()
		if err == nil {
			return nil
		}
		errs = append(errs, errorTable.Explain(err))
	}
	return errors.Join(errs...)
}

// Close implements external.Driver.
func (v *visit) Close() error {
	for _, l := range v.admin {
		_ = l.Close() // never fails
	}
	return nil
}

// Open implements targets.System.
func (v *visit) Open(ctx context.Context, session targets.Session) (targets.Client, error) {
	nodes, err := v.admitted(ctx)
	if err != nil {
		return nil, errorTable.Explain(err)
	}
	return newClient(v.set, nodes, v.prefix(), nil, session), nil
}

// Ready implements targets.System.
func (v *visit) Ready(ctx context.Context, node string) error {
	i, err := v.Node(node)
	if err != nil {
		return err
	}
	return v.serves(ctx, i)
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
