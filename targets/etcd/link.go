package etcd

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	driver "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/lapse-test/lapse/targets/wire"
)

// access has the address and credentials of one node.
type access struct {
	wire.Access
	// token is a server's answer to a name and password, used instead of them afterwards.
	token string
	// timeout is for saying who it is.
	timeout time.Duration
}

// link is etcd's client with one node as its only endpoint: nothing is sent twice. It
// is safe for concurrent use.
type link struct {
	*driver.Client
	dialer *wire.Dialer

	mu        sync.Mutex
	connected bool
	dialFail  error
}

// newLink is a link that connects when it is first used. With once a lost connection
// is not made again.
func newLink(a access, once bool) (*link, error) {
	l := &link{dialer: &wire.Dialer{Addr: a.Addr, TLS: a.TLS, Once: once, Life: a.Life}}
	client, err := driver.New(driver.Config{
		Endpoints: []string{a.Addr}, Logger: zap.NewNop(),
		Username: a.User, Password: a.Password, Token: a.token, DialTimeout: a.timeout,
		DialOptions: []grpc.DialOption{
			grpc.WithContextDialer(l.dial),
			// In the place of the client's own interceptors, which repeat reads, and
			// what failed before it was sent, a hundred times. The last ones count.
			grpc.WithUnaryInterceptor(plainCall), grpc.WithStreamInterceptor(plainStream),
			grpc.WithDisableRetry(), grpc.WithDisableServiceConfig(),
		},
	})
	if err != nil {
		l.dialer.Seal()
		return nil, fmt.Errorf("making a client of etcd: %w", l.plain(err))
	}
	l.Client = client
	return l, nil
}

// plainCall says at once that a node cannot be reached, where etcd's client waits until
// the deadline.
func plainCall(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	return invoke(ctx, method, req, reply, cc, append(opts, grpc.WaitForReady(false))...)
}

func plainStream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	return open(ctx, desc, cc, method, opts...)
}

// dial keeps the error, of which gRPC only keeps the text.
func (l *link) dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := l.dialer.DialContext(ctx, "tcp", addr)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.connected = l.connected || err == nil
	if err != nil && ctx.Err() == nil {
		l.dialFail = err
	}
	return conn, err
}

// plain is err of an RPC, or what kept the link from connecting if it never did.
func (l *link) plain(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if said(err).Code() == codes.Unavailable && !l.connected && l.dialFail != nil {
		return l.dialFail
	}
	return err
}

// keepAlive prolongs a lease once. Not the client's KeepAliveOnce, which waits for a
// connection, and asks again after most errors, until its context ends.
func (l *link) keepAlive(ctx context.Context, id driver.LeaseID) (ttl int64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := pb.NewLeaseClient(l.ActiveConnection()).LeaseKeepAlive(ctx)
	if err != nil {
		return 0, err
	}
	if err := stream.Send(&pb.LeaseKeepAliveRequest{ID: int64(id)}); err != nil {
		return 0, err
	}
	answer, err := stream.Recv()
	if err != nil {
		return 0, err
	}
	return answer.TTL, nil
}

// Close ends it, without waiting for a server that is paused.
func (l *link) close() {
	l.dialer.Seal()
	_ = l.Client.Close() // what it would close is closed
}
