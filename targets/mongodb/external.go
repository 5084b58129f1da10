package mongodb

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/external"
	"github.com/lapse-test/lapse/targets/outcome"
	"github.com/lapse-test/lapse/targets/wire"
)

var _ targets.Externalizer = Target{}

var login = external.LoginOf(Name)

// External implements targets.Externalizer: MongoDB. Addresses are host:port, of each
// member of a replica set or of each mongos.
func (Target) External(at []string) (targets.Target, error) {
	if slices.ContainsFunc(at, func(a string) bool { return strings.HasPrefix(a, "mongodb:") || strings.HasPrefix(a, "mongodb+srv:") }) {
		return nil, targets.Usagef("--at: want host:port of each member, not a connection string: the driver is to ask one node at a time; credentials come from %s and %s", login.User, login.Password)
	}
	return external.At(at, external.Kind{
		Info: externalInfo(), Port: port, Login: &login, Alive: alive.Alive, Visit: newVisit, Narrow: narrow,
		Namespace: external.Namespace{What: "the database %s", Remove: `mongosh --eval 'db.getSiblingDB("%s").dropDatabase()'`, Most: 63},
		Settings: func(cfg targets.Config) (targets.Config, error) {
			_, err := parse(cfg)
			return cfg, err
		},
		Abilities: []ability.Ability{ability.Primary}, Promises: promises, Examples: examples,
	})
}

// narrow has no transactions where the read level or the server has none. The server is
// asked only where the level leaves it open.
func narrow(ctx context.Context, at []string, cfg targets.Config, info targets.Info) targets.Info {
	cfg, err := targets.Complete(info, cfg)
	if err != nil {
		return info
	}
	s, err := parse(cfg)
	if err != nil {
		return info
	}
	if s.refuseTransaction() == nil {
		a, err := external.Anonymous(cfg.Options, at[0]) // whoever it is may ask that
		if err != nil {
			return info
		}
		g, err := (&store{set: s, nodes: []wire.Access{a}}).hello(ctx, 0)
		s.standalone = err == nil && g.standalone()
	}
	if s.refuseTransaction() != nil {
		info.MaxTxn = 1
	}
	return info
}

// opMsg is the number of the messages that MongoDB speaks in.
const opMsg = 2013

// alive is the liveness probe: hello is answered before anybody says who they are.
var alive = external.Probe{
	Ask: askHello(), Answer: messageHeader, Protocol: "MongoDB's", Encrypts: true,
	Is: func(answer []byte) bool { return binary.LittleEndian.Uint32(answer[12:]) == opMsg },
}

// messageHeader is the length of what every message of MongoDB's begins with.
const messageHeader = 16

// askHello is the message by which a server is asked what it is, in its oldest form.
func askHello() []byte {
	body, _ := bson.Marshal(bson.D{{Key: "isMaster", Value: 1}, {Key: "$db", Value: "admin"}}) // these two can be
	var ask []byte
	for _, n := range []int{messageHeader + 4 + 1 + len(body), 1, 0, opMsg, 0} { // length, request, response to, kind, flags
		ask = binary.LittleEndian.AppendUint32(ask, uint32(n)) //nolint:gosec // small
	}
	return append(append(ask, 0), body...) // one section of kind 0
}

// visit is an external MongoDB, in which the run has one database.
type visit struct {
	external.Stay
	external.Roles
	*store
	greetings []greeting
	version   string
}

var _ external.Driver = (*visit)(nil)

// askTimeout is for one question to a node.
const askTimeout = 5 * time.Second

func newVisit(stay external.Stay, cfg targets.Config) (external.Driver, error) {
	set, err := parse(cfg)
	if err != nil {
		return nil, err
	}
	v := &visit{Stay: stay, store: &store{set: set, database: stay.Namespace.Name, nodes: stay.Accesses}, greetings: make([]greeting, len(stay.At))}
	v.store.writes, v.writer = v.TakesWrites, v.Writer
	v.Cures, v.Replica = cures(v.nodes[0].User != ""), "a secondary"
	v.Roles.Writes = func(ctx context.Context, i int) (bool, error) {
		g, err := v.hello(ctx, i)
		return g.takesWrites(), err
	}
	return v, nil
}

// Meet implements external.Driver.
func (v *visit) Meet(ctx context.Context, i int) (_ string, err error) {
	v.greetings[i], err = v.hello(ctx, i)
	v.Identify(i, "process", v.greetings[i].Topology.Process.Hex())
	return v.Met(i, v.greetings[i].takesWrites()), err
}

// Fit implements external.Driver.
func (v *visit) Fit(ctx context.Context) error {
	first := v.greetings[0]
	if err := v.structure(v.greetings); err != nil {
		return err
	}
	if err := v.Find(v.set.preference == secondary && !first.router()); err != nil {
		return err
	}
	v.Lines = append(v.Lines, describe(first))
	return v.Explain(v.Writer(), v.ask(ctx, v.Writer(), func(ctx context.Context, l *link) (err error) {
		v.version, err = l.version(ctx)
		return err
	}))
}

func describe(g greeting) string {
	switch {
	case g.router():
		return "mongos of a sharded cluster"
	case g.standalone():
		return "a standalone server: one copy, no transactions"
	}
	return "replica set " + g.Set
}

func (s *store) hello(ctx context.Context, i int) (g greeting, err error) {
	err = s.ask(ctx, i, func(ctx context.Context, l *link) (err error) {
		g, err = l.hello(ctx)
		return err
	})
	return g, err
}

// structure sees whether the nodes belong together and have what the levels need.
func (v *visit) structure(all []greeting) error {
	first := all[0]
	for i, g := range all {
		if g.Set != first.Set || g.router() != first.router() || g.standalone() && len(all) > 1 {
			return external.Unfit("name the members of one replica set, or every mongos of one sharded cluster, or one server", "%s and %s are not of one cluster", v.nodes[0].Addr, v.nodes[i].Addr)
		}
	}
	v.set.standalone = first.standalone()
	switch {
	case v.set.standalone && v.set.concern != local && v.set.concern != available:
		return external.Unfit("use --read-level local, or make it a replica set, if of one member", "--read-level %s: %s is a standalone server, which has no read concern %s", v.set.read, v.nodes[0].Addr, v.set.concern)
	case v.set.standalone && v.set.causal:
		return external.Unfit("leave it out, or make it a replica set, if of one member", "--set %s=%s: %s is a standalone server, which has no causally consistent sessions", optSession, sessionCausal, v.nodes[0].Addr)
	case v.set.standalone && v.set.writers() > 1:
		return external.Unfit("use --write-level 1 or majority", "--write-level %s: %s is a standalone server", v.set.write, v.nodes[0].Addr)
	case first.Set != "" && v.set.writers() > len(first.Hosts):
		return external.Unfit("use a smaller number, or majority", "--write-level %s: the replica set %s has %d members with data", v.set.write, first.Set, len(first.Hosts))
	case first.Set != "" && len(all) < len(first.Hosts) && len(all) == 1 && !first.takesWrites():
		return external.Unfit("name the primary as well: "+strings.Join(first.Hosts, ", "), "%s is a secondary", v.nodes[0].Addr)
	}
	return nil
}

func coded(codes ...int) func(error) bool {
	return func(err error) bool {
		code, _, _ := answered(err)
		return slices.Contains(codes, code)
	}
}

// cures are for what a server says to whoever it does not let in; known says that it was told who that is.
func cures(known bool) external.Cures {
	password := "the user or the password is wrong, or another database knows the user (--set " + optAuthSource + "=): " + login.See()
	may := "let the user make and remove databases whose names begin with lapse_: the role readWriteAnyDatabase with dbAdminAnyDatabase, or one of their own"
	if !known {
		may = "no user was given: " + login.Set()
	}
	return external.Cures{
		{Match: coded(18), Way: password, Tell: errorTable.Explain},
		{Match: outcome.Says("unable to authenticate", "auth error"), Way: password, Tell: func(error) error { return errors.New("the server did not let the user in") }},
		{Match: coded(13, 391), Way: may, Tell: errorTable.Explain},
		{Match: is(always), Way: "see whether it is a MongoDB that does what the levels ask for", Tell: errorTable.Explain},
	}
}

// markID is that of the document with the run's mark.
const markID = "lapse:mark"

// Marks implements external.Driver.
func (v *visit) Marks(ctx context.Context) (map[string]string, error) {
	found := map[string]string{}
	err := v.ask(ctx, v.Writer(), func(ctx context.Context, l *link) error {
		names, err := l.client.ListDatabaseNames(ctx, bson.D{{Key: "name", Value: bson.D{{Key: "$regex", Value: "^lapse_"}}}})
		if err != nil && !coded(13)(err) { // not everybody may list
			return err
		}
		for _, name := range external.OwnNames(names, v.database) {
			var mark struct {
				Text string `bson:"mark"`
			}
			// One that cannot be read is there all the same.
			_ = l.client.Database(name).Collection(collection).FindOne(ctx, bson.D{{Key: "_id", Value: markID}}).Decode(&mark)
			found[name] = mark.Text
		}
		return nil
	})
	return found, v.Explain(v.Writer(), err)
}

// Make implements external.Driver.
func (v *visit) Make(ctx context.Context) error {
	made := false
	err := v.ask(ctx, v.Writer(), func(ctx context.Context, l *link) error {
		// Collections cannot be made in every version's transactions, so that it is made here.
		if err := l.client.Database(v.database).CreateCollection(ctx, collection); err != nil {
			return err
		}
		made = true
		_, err := l.data.InsertOne(ctx, bson.D{{Key: "_id", Value: markID}, {Key: "mark", Value: v.Mark()}})
		return err
	})
	return external.Unmade(!made && taken(err), !made && errorTable.Undone(err), v.Explain(v.Writer(), err))
}

// taken matches the answer that there is such a collection already.
var taken = coded(48)

// Serves implements external.Driver: a node that takes writes wrote and read, another one
// shows what was made.
func (v *visit) Serves(ctx context.Context, node int) error {
	if v.TakesWrites(node) {
		return v.Explain(node, v.prove(ctx, node))
	}
	err := v.ask(ctx, node, func(ctx context.Context, l *link) error {
		own := l.data.Clone(options.Collection().SetReadConcern(readconcern.Local()).SetReadPreference(readpref.Nearest()))
		_, err := l.do(ctx, func(ctx context.Context) error { return own.FindOne(ctx, bson.D{{Key: "_id", Value: markID}}).Err() })
		return err
	})
	return v.Explain(node, err)
}

// Drop implements external.Driver. A node that is no primary any more refuses it.
func (v *visit) Drop(ctx context.Context) error {
	return v.InTurn(func(i int) error {
		return v.Explain(i, v.ask(ctx, i, func(ctx context.Context, l *link) error { return l.client.Database(v.database).Drop(ctx) }))
	}, nil)
}

// Close implements external.Driver.
func (v *visit) Close() error { return v.Roles.Close() }

// Open implements targets.System.
func (v *visit) Open(_ context.Context, session targets.Session) (targets.Client, error) {
	return newClient(v.store, session), nil
}

// ReplicaLevel implements targets.ReplicaReader.
func (v *visit) ReplicaLevel() string {
	if v.set.standalone {
		return ""
	}
	return replicaLevel
}

// Version implements targets.System.
func (v *visit) Version() string { return v.version + ", external" }
