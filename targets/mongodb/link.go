package mongodb

import (
	"context"
	"net"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/lapse-test/lapse/targets/wire"
)

// collection has all documents of a run.
const collection = "data"

// heartbeat is between two of the driver's own looks at a node. It acts on none of them
// that matters here, so that they are rare.
const heartbeat = 30 * time.Second

// link is the driver with one node: it knows no other, and has one connection for
// commands and one of its own, on which it sends no command of ours. It is for one
// goroutine at a time, except for Close.
//
// Bytes that left say little here, because the driver's own connection has some too.
// What counts is the driver's event that comes before a command is written (Started).
type link struct {
	client *mongo.Client
	data   *mongo.Collection
	dialer *wire.Dialer
	// session is MongoDB's, nil while none was needed. It is not ended: that would be a
	// command. The server forgets it after half an hour.
	session *mongo.Session

	mu sync.Mutex
	// started says that a command of the operation under way may have left.
	started bool
	// lost is why nothing can be sent any more.
	lost error
	// cancel ends the operation under way while nothing of it was sent.
	cancel context.CancelCauseFunc
}

// newLink is for the node at a. A connection that is lost is not made again, unless the
// driver is to send things twice.
func newLink(a wire.Access, database string, set settings) (*link, error) {
	l := &link{dialer: &wire.Dialer{Addr: a.Addr, TLS: a.TLS, Life: a.Life}}
	o := options.Client().SetHosts([]string{a.Addr}).SetDirect(true).SetDialer(l).SetAppName("lapse").
		SetMaxPoolSize(1).SetMaxConnecting(1).
		SetRetryReads(set.retry).SetRetryWrites(set.retry).
		SetServerMonitoringMode("poll").SetHeartbeatInterval(heartbeat).
		SetConnectTimeout(set.timeout).
		// The deadline is the context's, and no other.
		SetServerSelectionTimeout(time.Minute).
		SetReadConcern(set.readConcern()).SetReadPreference(set.readPreference()).SetWriteConcern(set.writeConcern()).
		SetMonitor(&event.CommandMonitor{Started: l.starts})
	if !set.retry {
		o.SetMaxAdaptiveRetries(0).SetPoolMonitor(&event.PoolMonitor{Event: l.pool})
	}
	if a.User != "" {
		o.SetAuth(options.Credential{Username: a.User, Password: a.Password, AuthSource: set.authSource})
	}
	client, err := mongo.Connect(o)
	if err != nil {
		return nil, err
	}
	l.client, l.data = client, client.Database(database).Collection(collection)
	return l, nil
}

// DialContext implements options.ContextDialer. A node that cannot be reached ends the
// operation at once: the driver would try again until its deadline.
func (l *link) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := l.dialer.DialContext(ctx, network, addr)
	if err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.lost == nil {
			l.lost = err
		}
		if l.cancel != nil && !l.started {
			l.cancel(err)
		}
	}
	return c, err
}

func (l *link) starts(context.Context, *event.CommandStartedEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.started = true
}

// pool sees to it that a connection for commands that is closed is not made again.
func (l *link) pool(e *event.PoolEvent) {
	if e.Type == event.ConnectionClosed {
		l.dialer.Close()
	}
}

// do carries out f, and says whether anything of it may have been sent. f gets a context
// that ends when the node cannot be reached.
func (l *link) do(ctx context.Context, f func(context.Context) error) (sent bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l.mu.Lock()
	l.started, l.cancel = false, cancel
	lost := l.lost
	l.mu.Unlock()
	if lost != nil {
		return false, lost
	}
	err = f(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cancel = nil
	if err != nil && !l.started && context.Cause(ctx) != nil {
		err = context.Cause(ctx) // the driver's own says only that it was canceled
	}
	return l.started, err
}

// Close ends it, without waiting for a server that is paused.
func (l *link) close() {
	l.dialer.Seal()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = l.client.Disconnect(ctx) // what it would close is closed
}

// greeting is what a node says of itself.
type greeting struct {
	Set       string   `bson:"setName"`
	Hosts     []string `bson:"hosts"`
	Writable  bool     `bson:"isWritablePrimary"`
	Master    bool     `bson:"ismaster"`
	Message   string   `bson:"msg"`
	Secondary bool     `bson:"secondary"`
	// Topology is there since 4.4. No other process of a server has the id.
	Topology struct {
		Process bson.ObjectID `bson:"processId"`
	} `bson:"topologyVersion"`
}

// takesWrites: servers of before 5.0 know the older name only.
func (g greeting) takesWrites() bool { return g.Writable || g.Master }

// router says that it is a mongos.
func (g greeting) router() bool { return g.Message == "isdbgrid" }

func (g greeting) standalone() bool { return g.Set == "" && !g.router() }

// hello asks a node what it is.
func (l *link) hello(ctx context.Context) (greeting, error) {
	var g greeting
	err := l.admin(ctx, bson.D{{Key: "isMaster", Value: 1}}, &g)
	return g, err
}

// version asks for the server's own. What is not built from MongoDB's source names no
// commit of it, and is not called MongoDB here.
func (l *link) version(ctx context.Context) (string, error) {
	var b struct {
		Version string `bson:"version"`
		Commit  string `bson:"gitVersion"`
	}
	err := l.admin(ctx, bson.D{{Key: "buildInfo", Value: 1}}, &b)
	if b.Commit == "" {
		return "a server that is not MongoDB and speaks as its version " + b.Version, err
	}
	return "MongoDB " + b.Version, err
}

func (l *link) admin(ctx context.Context, command bson.D, into any) error {
	_, err := l.do(ctx, func(ctx context.Context) error {
		return l.client.Database("admin").RunCommand(ctx, command).Decode(into)
	})
	return err
}
