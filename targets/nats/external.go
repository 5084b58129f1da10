package nats

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	driver "github.com/nats-io/nats.go"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/external"
	"github.com/lapse-test/lapse/targets/outcome"
)

var _ targets.Externalizer = Target{}

// login names the variables with the credentials; a password without a user is a token.
var login = external.LoginOf(Name).OrPassword()

// envCreds names the variable with the path of a file with a user's token and key.
const envCreds = "LAPSE_NATS_CREDS"

// optReplicas is an option of external clusters, which may have more servers than are named.
const optReplicas = "replicas"

// External implements targets.Externalizer: a cluster with JetStream, or one server.
func (t Target) External(at []string) (targets.Target, error) {
	i := external.Info(t.Info(), "NATS JetStream, an external cluster: a key-value bucket of the run's own", targets.Option{
		Name: optReplicas, Values: []string{"", "1", "3", "5"},
		Help: "replicas of the bucket (default: 3, in a cluster with five servers named 5, and 1 on a server that is in no cluster)",
	})
	return external.At(at, external.Kind{
		Info: i, Port: clientPort, Login: &login, Alive: alive.Alive, Visit: newVisit,
		Namespace: external.Namespace{What: "the bucket %s", Remove: "nats kv del %s --force", Most: 64},
		Settings: func(cfg targets.Config) (targets.Config, error) {
			return cfg, errors.Join(targets.CheckLevels(i, cfg), checkCreds())
		},
		Abilities: []ability.Ability{ability.Primary}, Promises: t.Promises, Examples: examples,
	})
}

// checkCreds sees whether the file with the credentials can be read, and is the only login that is given.
func checkCreds() error {
	file := os.Getenv(envCreds)
	if file == "" {
		return nil
	}
	_, password, err := login.Read()
	switch {
	case err != nil:
		return err
	case password != "":
		return targets.Usagef("%s and %s: a user has one of them; unset the other", envCreds, login.Password)
	}
	if _, err := os.ReadFile(file); err != nil {
		return targets.Usagef("%s: %v", envCreds, err)
	}
	return nil
}

// alive is the liveness probe: a server greets whoever connects, before it encrypts.
var alive = external.Probe{
	Answer: len(greeting), Protocol: "NATS'",
	Is: func(answer []byte) bool { return string(answer) == greeting },
}

const greeting = "INFO "

// server is what a node said of itself when it was connected to.
type server struct{ name, id, version, cluster string }

// visit is an external NATS, in which the run has one bucket.
type visit struct {
	external.Stay
	*store
	replicas int
	servers  []server
	heard    heard
	// made is when the bucket was made.
	made time.Time
}

var (
	_ external.Driver       = (*visit)(nil)
	_ targets.ReplicaPlacer = (*visit)(nil)
	_ ability.Primarier     = (*visit)(nil)
	_ targets.Promiser      = (*visit)(nil)
)

func newVisit(stay external.Stay, cfg targets.Config) (external.Driver, error) {
	nodes := make([]access, len(stay.At))
	for i, a := range stay.Accesses {
		nodes[i] = access{Access: a, creds: os.Getenv(envCreds)}
	}
	v := &visit{Stay: stay, store: newStore(bucket(stay.Namespace.Name), nodes, cfg), servers: make([]server, len(nodes))}
	v.replicas, _ = strconv.Atoi(cfg.Options[optReplicas]) // one of the option's values
	v.Cures = cures(nodes[0])
	return v, nil
}

// Meet implements external.Driver: what the node is, and that JetStream answers by it.
func (v *visit) Meet(ctx context.Context, i int) (string, error) {
	err := v.with(ctx, i, func(ctx context.Context, l *link) error {
		v.servers[i] = server{l.conn.ConnectedServerName(), l.conn.ConnectedServerId(), l.conn.ConnectedServerVersion(), l.conn.ConnectedClusterName()}
		return l.api(ctx, "INFO", nil, &struct{}{})
	})
	v.Identify(i, "server", v.servers[i].id)
	what := "is " + v.servers[i].name + ", NATS " + v.servers[i].version
	if loses(v.servers[i].version) {
		what += ", which may lose streams to kills of processes"
	}
	return what, err
}

// Fit implements external.Driver.
func (v *visit) Fit(ctx context.Context) error {
	if err := v.structure(); err != nil {
		return err
	}
	if line := v.strangers(ctx); line != "" {
		v.Lines = append(v.Lines, line)
	}
	switch {
	case v.replicas > 0: // as the option says
	case v.servers[0].cluster == "":
		v.replicas = 1
	case len(v.nodes) >= 5:
		v.replicas = 5
	default:
		v.replicas = 3
	}
	v.Lines = append(v.Lines, fmt.Sprintf("a bucket gets %d replicas", v.replicas))
	return nil
}

// structure sees whether the nodes are different servers of one cluster.
func (v *visit) structure() error {
	const way = "name the servers of one cluster, each once"
	for i, s := range v.servers {
		first := v.servers[0]
		switch at := slices.IndexFunc(v.servers, func(o server) bool { return o.name == s.name }); {
		case at < i:
			return external.Unfit("give each its own server_name", "%s and %s are two servers of one name, %s", v.At[at], v.At[i], s.name)
		case i > 0 && s.cluster == "":
			return external.Unfit(way, "%s is in no cluster", v.At[i])
		case s.cluster != first.cluster:
			return external.Unfit(way, "%s and %s are not of one cluster (%q and %q)", v.At[0], v.At[i], first.cluster, s.cluster)
		}
	}
	return nil
}

// cures are for what a server says to whoever it does not let in, and for what JetStream lacks.
func cures(a access) external.Cures {
	who := "it wants to know who asks: set " + login.User + " and " + login.Password + ", " + login.Password + " alone for a token, or name a creds file by " + envCreds
	if a.User != "" || a.Password != "" || a.creds != "" {
		who = "the user, the password, the token or the creds file is wrong: see " + login.User + ", " + login.Password + " or " + login.PasswordFile + ", and " + envCreds
	}
	const jetStream = "turn JetStream on: jetstream { store_dir: ... } in the server's configuration, and jetstream: enabled for the account"
	return external.Cures{
		{Match: outcome.Is(driver.ErrAuthorization, driver.ErrAuthExpired, driver.ErrAuthRevoked, driver.ErrAccountAuthExpired), Way: who},
		{Match: outcome.Is(driver.ErrPermissionViolation), Way: "let the user publish to $JS.API.> and $KV.>, and subscribe to _INBOX.>"},
		{Match: outcome.Is(driver.ErrSecureConnWanted), Way: "it does not encrypt: use --set tls=off if that is all right"},
		{Match: outcome.Is(driver.ErrNoInfoReceived), Way: "see whether it is a NATS server, and the port its clients' (4222)"},
		{Match: outcome.Is(driver.ErrTimeout), Way: "see whether it is a NATS server, and the port its clients' (4222); one that encrypts before it says what it is (handshake_first) cannot be tested"},
		{Match: outcome.Is(driver.ErrNoResponders), Way: jetStream, Tell: func(error) error { return errors.New("JetStream does not answer") }},
		{Match: coded(codeNotEnabled, codeNotEnabledAtAll), Way: jetStream},
		{Match: coded(codeUnavailable), Way: "see whether enough servers of the cluster are up: JetStream has no leader of its own"},
		{Match: coded(codeNotClustered), Way: "use --set " + optReplicas + "=1, or make the servers a cluster"},
		{Match: coded(codeNoPeers, codeInsufficient), Way: "the cluster has too few servers with JetStream that have room for the bucket's replicas: see whether all are up, or use --set " + optReplicas + "=1"},
		{Match: coded(codeAccountResources, codeStorage, codeStreams, codeLimits, codeNeedsBound), Way: "let the account have one more stream: its limits are reached, or want a bound on what a stream holds"},
	}
}

// marksSought bounds the streams among whose names those of runs are sought.
const marksSought = 20000

// Marks implements external.Driver.
func (v *visit) Marks(ctx context.Context) (map[string]string, error) {
	found := map[string]string{}
	err := v.InTurn(func(i int) error {
		return v.Explain(i, v.with(ctx, i, func(ctx context.Context, l *link) error {
			names, err := l.buckets(ctx, marksSought)
			if err != nil {
				return err
			}
			for _, name := range external.OwnNames(names, v.Namespace.Name) {
				var g group
				// One that does not tell is there all the same.
				_ = l.api(ctx, "STREAM.INFO."+bucket(name).stream(), nil, &g)
				found[name] = g.Config.Description
			}
			return nil
		}))
	}, answered)
	return found, err
}

// buckets are the names of those among so many streams.
func (l *link) buckets(ctx context.Context, most int) ([]string, error) {
	var names []string
	for seen := 0; ; {
		var page struct {
			Total   int      `json:"total"`
			Streams []string `json:"streams"`
		}
		if err := l.api(ctx, "STREAM.NAMES", map[string]int{"offset": seen}, &page); err != nil {
			return nil, err
		}
		for _, stream := range page.Streams {
			if name, ok := strings.CutPrefix(stream, bucket("").stream()); ok {
				names = append(names, name)
			}
		}
		seen += len(page.Streams)
		if len(page.Streams) == 0 || seen >= min(page.Total, most) {
			return names, nil
		}
	}
}

// answered says that JetStream itself answered.
func answered(err error) bool {
	var e *apiError
	return errors.As(err, &e)
}

// Make implements external.Driver. A bucket that is there with the same configuration,
// which has the run's mark, is the run's own.
func (v *visit) Make(ctx context.Context) error {
	v.made = time.Now()
	perhaps := false // one of the nodes that were asked may have made it
	err := v.InTurn(func(i int) error {
		err := v.with(ctx, i, func(ctx context.Context, l *link) error {
			return l.create(ctx, v.config(v.replicas, v.Mark()))
		})
		if coded(codeNameTaken)(err) {
			return external.ErrTaken
		}
		perhaps = perhaps || !refused(err)
		return v.Explain(i, err)
	}, func(err error) bool { return answered(err) || errors.Is(err, external.ErrTaken) })
	if err != nil && !perhaps {
		return external.Refused(err)
	}
	return err
}

// refused says that a bucket was not made, for certain.
func refused(err error) bool {
	return coded(refusals...)(err) || forbidden(err) || errors.Is(err, driver.ErrNoResponders)
}

// Serves implements external.Driver. Where reads are to be direct, the node's server answers
// some if it has a replica, and so do the servers with one that --at does not name: until
// replicas do, the leader does, and none is old.
func (v *visit) Serves(ctx context.Context, node int) error {
	name := v.servers[node].name
	var of group
	err := v.serves(ctx, node, func(g group) error {
		of = g
		if g.member(name) && len(g.Cluster.Replicas) > 0 && !g.current(name) {
			return errors.New("the replica is not in sync with the leader")
		}
		return nil
	})
	if err != nil || !v.direct {
		return v.Explain(node, err)
	}
	return v.answersDirect(ctx, node, of)
}

// Drop implements external.Driver.
func (v *visit) Drop(ctx context.Context) error {
	return v.InTurn(func(i int) error {
		err := v.with(ctx, i, func(ctx context.Context, l *link) error {
			return l.api(ctx, "STREAM.DELETE."+l.stream(), nil, &struct{}{})
		})
		if coded(codeNoStream)(err) {
			return nil
		}
		return v.Explain(i, err)
	}, nil)
}

// Close implements external.Driver: every connection was closed after its question.
func (*visit) Close() error { return nil }

// Open implements targets.System.
func (v *visit) Open(_ context.Context, session targets.Session) (targets.Client, error) {
	return v.open(session), nil
}

// Primary implements ability.Primarier: the node of the stream's leader.
func (v *visit) Primary(ctx context.Context) (string, error) {
	if len(v.nodes) == 1 {
		return v.Cluster().Nodes()[0].Name(), nil
	}
	leader, err := v.leader(ctx)
	if err != nil {
		return "", err
	}
	return v.node(leader)
}

// node is the name of the node whose server has this name.
func (v *visit) node(server string) (string, error) {
	for i, s := range v.servers {
		if s.name == server {
			return v.Cluster().Nodes()[i].Name(), nil
		}
	}
	return "", fmt.Errorf("the server %s is none of those that --at names", server)
}

// Replicas implements targets.ReplicaPlacer. A server that --at does not name is left out.
func (v *visit) Replicas(ctx context.Context, _ history.Key) ([]string, error) {
	var names []string
	err := v.InTurn(func(i int) error {
		return v.with(ctx, i, func(ctx context.Context, l *link) error {
			g, err := l.group(ctx)
			if err != nil {
				return err
			}
			names = nil
			for j, s := range v.servers {
				if g.member(s.name) || len(v.servers) == 1 && len(g.Cluster.Replicas) == 0 {
					names = append(names, v.Cluster().Nodes()[j].Name())
				}
			}
			return nil
		})
	}, nil)
	return names, err
}

// Promises implements targets.Promiser: as its target, but by the versions of the servers.
func (v *visit) Promises(cfg targets.Config, funcs []history.Func) map[string]bool {
	out := targets.Promised(Target{}.Promises(cfg, funcs))
	for _, s := range v.servers {
		if loses(s.version) {
			out.LoseWrites()
		}
	}
	return out
}

// Version implements targets.System.
func (v *visit) Version() string {
	var versions []string
	for _, s := range v.servers {
		versions = append(versions, s.version)
	}
	slices.Sort(versions)
	text := "NATS " + strings.Join(slices.Compact(versions), " and ")
	if v.servers[0].cluster == "" {
		return text + ", an external server"
	}
	return text + ", an external cluster"
}
