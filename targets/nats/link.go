package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	driver "github.com/nats-io/nats.go"

	"github.com/lapse-test/lapse/targets/wire"
)

// bucket is the name of the key-value bucket that a run makes.
type bucket string

// stream is the name of the stream that the bucket is.
func (b bucket) stream() string { return "KV_" + string(b) }

// keys matches the subjects of all keys.
func (b bucket) keys() string { return "$KV." + string(b) + ".>" }

// subject is that of a key, each kind of data apart.
func (b bucket) subject(kind, key string) string { return "$KV." + string(b) + "." + kind + "." + key }

// Headers and values of JetStream.
const (
	headerExpected  = "Nats-Expected-Last-Subject-Sequence"
	headerOperation = "KV-Operation"
	headerSequence  = "Nats-Sequence"
	headerStatus    = "Status"
	deletion        = "DEL"
)

// access is how one node is reached, and as whom.
type access struct {
	wire.Access
	// creds is the path of a file with a user's token and key, empty if there is none.
	creds string
}

// options are what nats.go calls them. It encrypts by itself, because a server says in the
// clear first whether it does.
func (a access) options() []driver.Option {
	var out []driver.Option
	switch {
	case a.creds != "":
		out = append(out, driver.UserCredentials(a.creds))
	case a.User != "":
		out = append(out, driver.UserInfo(a.User, a.Password))
	case a.Password != "":
		out = append(out, driver.Token(a.Password))
	}
	if a.TLS != nil {
		out = append(out, driver.Secure(a.TLS))
	}
	return out
}

// link is one connection with one node, which is not made again. It is for one
// goroutine at a time, except for Close.
type link struct {
	bucket
	conn   *driver.Conn
	dialer *wire.Dialer
	denied denied
}

// denied ends a request that the server does not let the user make, or whose answer it does
// not let the user hear: it says so aside and does not answer.
type denied struct {
	mu      sync.Mutex
	cancel  context.CancelCauseFunc
	subject string
}

func (d *denied) await(cancel context.CancelCauseFunc, subject string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cancel, d.subject = cancel, subject
}

// hear implements driver.ErrHandler. Only of a message to the subject of the request does the
// server say that it went nowhere: one that says that the user may not subscribe to the
// answers has carried the request out.
func (d *denied) hear(_ *driver.Conn, _ *driver.Subscription, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cancel == nil || !errors.Is(err, driver.ErrPermissionViolation) {
		return
	}
	if strings.Contains(err.Error(), fmt.Sprintf("Publish to %q", d.subject)) {
		err = &forbiddenError{err}
	}
	d.cancel(err)
}

// dial implements nats.go's CustomDialer.
type dial struct {
	ctx    context.Context
	dialer *wire.Dialer
	// failed is why there is no connection: nats.go says only that there is none.
	failed error
}

func (d *dial) Dial(network, addr string) (net.Conn, error) {
	c, err := d.dialer.DialContext(d.ctx, network, addr)
	d.failed = err
	return c, err
}

// connect makes the connection; on an error nothing is left of it.
func connect(ctx context.Context, a access, b bucket, timeout time.Duration) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	l := &link{bucket: b, dialer: &wire.Dialer{Addr: a.Addr, Once: true, Life: a.Life}}
	d := &dial{ctx: ctx, dialer: l.dialer}
	var err error
	l.conn, err = driver.Connect("nats://"+a.Addr, append(a.options(),
		driver.SetCustomDialer(d), driver.Timeout(timeout),
		driver.NoReconnect(), driver.IgnoreDiscoveredServers(), driver.SkipHostLookup(),
		driver.ErrorHandler(l.denied.hear))...)
	if err != nil {
		l.dialer.Seal()
		if errors.Is(err, driver.ErrNoServers) && d.failed != nil {
			err = d.failed
		}
		return nil, err
	}
	return l, nil
}

// Close ends it, without waiting for a server that is paused.
func (l *link) close() {
	l.dialer.Seal()
	l.conn.Close()
}

// ask sends a request once and returns what the first one answers.
func (l *link) ask(ctx context.Context, m *driver.Msg) (*driver.Msg, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l.denied.await(cancel, m.Subject)
	defer l.denied.await(nil, "")
	answer, err := l.conn.RequestMsgWithContext(ctx, m)
	if err != nil && errors.Is(context.Cause(ctx), driver.ErrPermissionViolation) {
		err = context.Cause(ctx) // the driver's own says only that it was canceled
	}
	return answer, err
}

// api asks JetStream's API and decodes the result.
func (l *link) api(ctx context.Context, name string, request, result any) error {
	var body []byte
	if request != nil {
		var err error
		if body, err = json.Marshal(request); err != nil {
			return fmt.Errorf("encoding a request: %w", err)
		}
	}
	m, err := l.ask(ctx, &driver.Msg{Subject: "$JS.API." + name, Data: body})
	if err != nil {
		return err
	}
	return decode(m.Data, result)
}

// decode reads an answer of JetStream, which is an error or a result.
func decode(data []byte, result any) error {
	var failed struct {
		Error *apiError `json:"error"`
	}
	if err := json.Unmarshal(data, &failed); err != nil {
		return errors.Join(errGarbage, err)
	}
	if failed.Error != nil {
		return failed.Error
	}
	if err := json.Unmarshal(data, result); err != nil {
		return errors.Join(errGarbage, err)
	}
	return nil
}

// put writes to a subject, if its last sequence is expect (nil: whatever it is), and
// returns the new one. Without data the key is deleted.
func (l *link) put(ctx context.Context, subject string, data []byte, expect *uint64) (uint64, error) {
	m := &driver.Msg{Subject: subject, Data: data, Header: driver.Header{}}
	if data == nil {
		m.Header.Set(headerOperation, deletion)
	}
	if expect != nil {
		m.Header.Set(headerExpected, strconv.FormatUint(*expect, 10))
	}
	answer, err := l.ask(ctx, m)
	if err != nil {
		return 0, err
	}
	var ack struct {
		Stream string `json:"stream"`
		Seq    uint64 `json:"seq"`
	}
	if err := decode(answer.Data, &ack); err != nil {
		return 0, err
	}
	if ack.Seq == 0 || ack.Stream != l.stream() {
		return 0, errGarbage
	}
	return ack.Seq, nil
}

// entry is a key's content: nothing if it was never written or was deleted; its
// sequence is then 0 or that of the deletion.
type entry struct {
	data []byte
	seq  uint64
}

// get reads the last entry of a subject from the stream's leader.
func (l *link) get(ctx context.Context, subject string) (entry, error) {
	var result struct {
		Message *struct {
			Seq     uint64 `json:"seq"`
			Data    []byte `json:"data"`
			Headers []byte `json:"hdrs"`
		} `json:"message"`
	}
	err := l.api(ctx, "STREAM.MSG.GET."+l.stream(), map[string]string{"last_by_subj": subject}, &result)
	switch {
	case coded(codeNoMessage)(err):
		return entry{}, nil
	case err != nil:
		return entry{}, err
	case result.Message == nil || result.Message.Seq == 0:
		return entry{}, errGarbage
	}
	e := entry{result.Message.Data, result.Message.Seq}
	if strings.Contains(string(result.Message.Headers), headerOperation+": "+deletion) {
		e.data = nil
	}
	return e, nil
}

// directSubject is where any replica is asked for the last entry of a subject.
func (b bucket) directSubject(subject string) string {
	return "$JS.API.DIRECT.GET." + b.stream() + "." + subject
}

// direct reads the last entry of a subject from any replica.
func (l *link) direct(ctx context.Context, subject string) (entry, error) {
	m, err := l.ask(ctx, &driver.Msg{Subject: l.directSubject(subject)})
	if err != nil {
		return entry{}, err
	}
	if status := m.Header.Get(headerStatus); status == "404" {
		return entry{}, nil
	} else if status != "" {
		return entry{}, &apiError{Description: "status " + status}
	}
	seq, err := strconv.ParseUint(m.Header.Get(headerSequence), 10, 64)
	if err != nil || seq == 0 {
		return entry{}, errGarbage
	}
	e := entry{m.Data, seq}
	if m.Header.Get(headerOperation) == deletion {
		e.data = nil
	}
	return e, nil
}
