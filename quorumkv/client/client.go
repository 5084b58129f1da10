// Package client talks to one quorumkv node: reads and writes of keys go over one connection (package compact), all else over HTTP. It retries
// nothing, and says of every failed write whether it may have been written.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/protocol/compact"
	"github.com/lapse-test/lapse/quorumkv/tenant"
)

// maxResponse bounds what a response may make the client read.
const maxResponse = 8 << 20

// Client is safe for concurrent use. It keeps connections of its own; Close gives them up.
type Client struct {
	base   string
	http   *http.Client
	way    *way
	tenant string
}

// New makes a client of the node at a host:port address.
func New(addr string) *Client { return NewOver(addr, (&net.Dialer{}).DialContext) }

// dialTimeout bounds the making of a connection, and then once more the handshake of TLS.
const dialTimeout = time.Second

// NewOver is New of a client whose connections are made by dial.
func NewOver(addr string, dial func(ctx context.Context, network, addr string) (net.Conn, error)) *Client {
	return NewSecure(addr, nil, dial)
}

// NewSecure is NewOver of a client of nodes that want TLS, as package certs loads it; it is NewOver if secure is nil.
func NewSecure(addr string, secure *tls.Config, dial func(ctx context.Context, network, addr string) (net.Conn, error)) *Client {
	scheme := "http://"
	if secure != nil {
		scheme = "https://"
	}
	return &Client{
		base: scheme + addr,
		way:  &way{addr: addr, secure: secure, dial: dial},
		http: &http.Client{Transport: &http.Transport{
			TLSClientConfig: secure,
			// And no proxy, whatever the environment says.
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				ctx, cancel := context.WithTimeout(ctx, dialTimeout)
				defer cancel()
				return dial(ctx, network, addr)
			},
			// Without it a node that takes connections and says nothing, as a paused one, keeps one of each request until Close.
			TLSHandshakeTimeout: dialTimeout,
			MaxIdleConnsPerHost: 256,
			IdleConnTimeout:     30 * time.Second,
			DisableCompression:  true,
		}},
	}
}

// As is a client on the same connections whose keys are those of a tenant. Either Close is for both.
func (c *Client) As(name string) *Client {
	return &Client{base: c.base, http: c.http, way: c.way, tenant: name}
}

// Close gives up idle connections.
func (c *Client) Close() {
	c.way.close()
	c.http.CloseIdleConnections()
}

// Error is a request that failed, in the node's words or, without a Status, because the node did not answer.
type Error struct {
	Status int // HTTP status; 0 when there was no answer
	protocol.Failure
	cause error
}

// Error is the code, the outcome of a write where the node said one, and the message.
func (e *Error) Error() string {
	if e.Outcome != "" {
		return fmt.Sprintf("%s (%s): %s", e.Code, e.Outcome, e.Message)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

// Unwrap is the error of the connection or the context, when there was no answer.
func (e *Error) Unwrap() error { return e.cause }

// CodeNoAnswer is the code of errors without an answer.
const CodeNoAnswer = "no_answer"

// Put writes value under key at level w (ONE, QUORUM, ALL or a number; QUORUM when empty). Its errors are *Error
// with an Outcome.
func (c *Client) Put(ctx context.Context, key string, value []byte, w string) (protocol.Written, error) {
	return c.write(ctx, &compact.Request{Op: compact.Put, Key: key, Level: w, Write: compact.Write{Value: value}})
}

// Absent is the version of a key without a value, for CompareAndSet.
const Absent = "*"

// CompareAndSet writes value under key at level w if the key has the version with the number old (Absent: if it has no value), in a
// mode that can. Its errors are as Put's; that the condition does not hold is one with the status 412.
func (c *Client) CompareAndSet(ctx context.Context, key string, value []byte, old, w string) (protocol.Written, error) {
	req := &compact.Request{Op: compact.Put, Key: key, Level: w, Write: compact.Write{Value: value}}
	if req.Absent = old == Absent; !req.Absent {
		n, err := strconv.ParseInt(old, 10, 64)
		if err != nil || n <= 0 {
			var out protocol.Written
			return out, c.byHTTP(ctx, req, quoted(old), &out) // which says what is wrong with it
		}
		req.Number = n
	}
	return c.write(ctx, req)
}

// PutSeen is Put of who has seen what a read returned with a context, which is replaced, in a mode that keeps writes which did not
// know of each other. An empty context says that nothing was seen.
func (c *Client) PutSeen(ctx context.Context, key string, value, seen []byte, w string) (protocol.Written, error) {
	return c.write(ctx, &compact.Request{Op: compact.Put, Key: key, Level: w, Write: compact.Write{Value: value, Context: seen}})
}

// Increment adds n, which may be negative, to a counter. Its errors are as Put's.
func (c *Client) Increment(ctx context.Context, key string, n int64, w string) (protocol.Written, error) {
	return c.update(ctx, "/counter/", key, w, protocol.Increment{Add: n})
}

// Total reads a counter at level r; it is 0 when nothing was added.
func (c *Client) Total(ctx context.Context, key, r string) (protocol.Total, error) {
	var out protocol.Total
	err := c.do(ctx, http.MethodGet, "/counter/"+url.PathEscape(key)+params("r", r), nil, &out)
	return out, err
}

// SetAdd puts an element, which is not empty, into a set. Its errors are as Put's.
func (c *Client) SetAdd(ctx context.Context, key, element, w string) (protocol.Written, error) {
	return c.update(ctx, "/set/", key, w, protocol.Change{Add: element})
}

// SetRemove removes an element from a set. Its errors are as Put's; that the element is not there is one with the status 412.
func (c *Client) SetRemove(ctx context.Context, key, element, w string) (protocol.Written, error) {
	return c.update(ctx, "/set/", key, w, protocol.Change{Remove: element})
}

// Elements reads a set at level r.
func (c *Client) Elements(ctx context.Context, key, r string) (protocol.Elements, error) {
	var out protocol.Elements
	err := c.do(ctx, http.MethodGet, "/set/"+url.PathEscape(key)+params("r", r), nil, &out)
	return out, err
}

// ChangeField changes a field of a map, or drops it. Its errors are as Put's; that what is to be removed is not there is one with the
// status 412.
func (c *Client) ChangeField(ctx context.Context, key string, by protocol.FieldChange, w string) (protocol.Written, error) {
	return c.update(ctx, "/map/", key, w, by)
}

// Fields reads a map at level r.
func (c *Client) Fields(ctx context.Context, key, r string) (protocol.Fields, error) {
	var out protocol.Fields
	err := c.do(ctx, http.MethodGet, "/map/"+url.PathEscape(key)+params("r", r), nil, &out)
	return out, err
}

func (c *Client) update(ctx context.Context, path, key, w string, body any) (protocol.Written, error) {
	var out protocol.Written
	b, err := json.Marshal(body)
	if err != nil {
		return out, fmt.Errorf("encode request: %w", err)
	}
	err = c.do(ctx, http.MethodPost, path+url.PathEscape(key)+params("w", w), b, &out)
	return out, err
}

// Transact carries out operations as one, in a mode that can. Its errors are as Put's: that another transaction was in the way is one with the
// status 409, that a condition does not hold one with the status 412.
func (c *Client) Transact(ctx context.Context, ops []protocol.TxnOp) (protocol.Transacted, error) {
	var out protocol.Transacted
	b, err := json.Marshal(protocol.Transaction{Ops: ops})
	if err != nil {
		return out, fmt.Errorf("encode request: %w", err)
	}
	err = c.do(ctx, http.MethodPost, "/txn", b, &out)
	return out, err
}

// Delete deletes key at level w, like Put.
func (c *Client) Delete(ctx context.Context, key, w string) (protocol.Written, error) {
	return c.write(ctx, &compact.Request{Op: compact.Delete, Key: key, Level: w})
}

// DeleteSeen is Delete of who has seen what a read returned with a context, which alone is removed, in a mode that keeps writes which did not know of each other.
func (c *Client) DeleteSeen(ctx context.Context, key string, seen []byte, w string) (protocol.Written, error) {
	return c.write(ctx, &compact.Request{Op: compact.Delete, Key: key, Level: w, Write: compact.Write{Context: seen}})
}

func (c *Client) write(ctx context.Context, req *compact.Request) (protocol.Written, error) {
	req.Tenant = c.tenant
	if tooLarge(req) {
		var out protocol.Written
		match := ""
		if req.Number != 0 {
			match = quoted(strconv.FormatInt(req.Number, 10))
		}
		return out, c.byHTTP(ctx, req, match, &out)
	}
	a, err := c.way.do(ctx, req)
	if err = said(a, err, true); err != nil {
		return protocol.Written{}, err
	}
	return a.written, nil
}

// tooLarge tells whether a request does not fit into the frame that a node takes.
func tooLarge(req *compact.Request) bool {
	const rest = 64 // lengths and numbers
	return len(req.Key)+len(req.Tenant)+len(req.Level)+len(req.WriteLevel)+len(req.Value)+len(req.Context)+rest > compact.MaxRequest
}

// quoted is a version as If-Match has it.
func quoted(version string) string { return `"` + version + `"` }

// byHTTP asks by HTTP for what cannot be asked otherwise. Match is If-Match of a write; empty for none.
func (c *Client) byHTTP(ctx context.Context, req *compact.Request, match string, out any) error {
	path := "/kv/" + url.PathEscape(req.Key)
	header := http.Header{}
	if req.Op == compact.Get {
		return c.do(ctx, http.MethodGet, path+params("r", req.Level, "w", req.WriteLevel), nil, out)
	}
	switch {
	case req.Absent:
		header.Set("If-None-Match", Absent)
	case match != "":
		header.Set("If-Match", match)
	}
	if len(req.Context) > 0 {
		header.Set(protocol.HeaderContext, base64.StdEncoding.EncodeToString(req.Context))
	}
	method := http.MethodPut
	if req.Op == compact.Delete {
		method = http.MethodDelete
	}
	return c.doWith(ctx, method, path+params("w", req.Level), req.Value, header, out)
}

// said is the *Error of a request, as HTTP would give it.
func said(a answer, err error, write bool) error {
	var by *Error
	var never unsent
	switch {
	case errors.As(err, &never):
		return noAnswer(never.error, write, false)
	case err != nil:
		return noAnswer(err, write, true)
	case errors.As(a.err, &by):
		if write && by.Outcome != protocol.NotWritten {
			by.Outcome = protocol.PerhapsWritten // also when whoever answered did not say
		}
		return by
	case a.err != nil:
		return noAnswer(a.err, write, true)
	}
	return nil
}

// Get reads key at level r. A nil Value without an error says that there is none. The level w, when
// not empty, is the one at which the key is written, see the README on blocking read repair.
func (c *Client) Get(ctx context.Context, key, r, w string) (*protocol.Value, error) {
	req := &compact.Request{Op: compact.Get, Tenant: c.tenant, Key: key, Level: r, WriteLevel: w}
	if tooLarge(req) {
		var out protocol.Value
		return found(&out, c.byHTTP(ctx, req, "", &out))
	}
	a, err := c.way.do(ctx, req)
	return found(a.value, said(a, err, false))
}

// Replica reads what the node itself holds of key; nil when it holds no value.
func (c *Client) Replica(ctx context.Context, key string) (*protocol.Value, error) {
	return c.value(ctx, "/replica/"+url.PathEscape(key))
}

func (c *Client) value(ctx context.Context, path string) (*protocol.Value, error) {
	var out protocol.Value
	err := c.do(ctx, http.MethodGet, path, nil, &out)
	return found(&out, err)
}

// found is the result of a read: that there is no value is no error.
func found(v *protocol.Value, err error) (*protocol.Value, error) {
	var e *Error
	if errors.As(err, &e) && e.Code == protocol.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Keys is a page of up to limit keys of the client's tenant after one, at level r; from the first on when after is empty. The
// answer's After asks for the next page.
func (c *Client) Keys(ctx context.Context, after string, limit int, r string) (protocol.Listing, error) {
	return c.list(ctx, "/keys"+params("after", after, "limit", strconv.Itoa(limit), "r", r))
}

// Range is a page of up to limit keys from one on and below another, each without a bound where it is empty, at level r: of the client's tenant, or of none. The
// answer's After asks for the next page; it is empty for the first.
func (c *Client) Range(ctx context.Context, from, to, after string, limit int, r string) (protocol.Listing, error) {
	return c.list(ctx, "/range"+params("from", from, "to", to, "after", after, "limit", strconv.Itoa(limit), "r", r))
}

// Backup is all that the node alone has of the client's tenant, page after page: no snapshot.
func (c *Client) Backup(ctx context.Context) (protocol.Listing, error) {
	var all protocol.Listing
	for after := ""; ; {
		page, err := c.list(ctx, "/backup"+params("after", after, "limit", "1000"))
		if err != nil {
			return all, err
		}
		page.Keys = append(all.Keys, page.Keys...)
		if all, after = page, page.After; after == "" {
			return all, nil
		}
	}
}

func (c *Client) list(ctx context.Context, path string) (protocol.Listing, error) {
	var out protocol.Listing
	err := c.do(ctx, http.MethodGet, path, nil, &out)
	return out, err
}

// Ring asks for the replicas of key, in order, and all nodes.
func (c *Client) Ring(ctx context.Context, key string) (protocol.Ring, error) {
	var out protocol.Ring
	err := c.do(ctx, http.MethodGet, "/ring"+params("key", key), nil, &out)
	return out, err
}

// Health asks how the node is; a node that is stopping is an error.
func (c *Client) Health(ctx context.Context) (protocol.Health, error) {
	var out protocol.Health
	err := c.do(ctx, http.MethodGet, "/health", nil, &out)
	return out, err
}

// Members are those that the node knows, and how far a change of them is.
func (c *Client) Members(ctx context.Context) (protocol.Members, error) {
	var out protocol.Members
	err := c.do(ctx, http.MethodGet, "/members", nil, &out)
	return out, err
}

// ChangeMembers begins a change, or cancels one; it goes on after this has returned. Its errors are *Error with an Outcome: not_written says that nothing
// was changed.
func (c *Client) ChangeMembers(ctx context.Context, change protocol.MemberChange) (protocol.Members, error) {
	var out protocol.Members
	b, err := json.Marshal(change)
	if err != nil {
		return out, fmt.Errorf("encode request: %w", err)
	}
	err = c.do(ctx, http.MethodPost, "/members", b, &out)
	return out, err
}

// Ranges are those that the node asks for keys, with partitioner range, and with count how many keys each has, which the members are asked for.
func (c *Client) Ranges(ctx context.Context, count bool) (protocol.Ranges, error) {
	var out protocol.Ranges
	err := c.do(ctx, http.MethodGet, fmt.Sprintf("/ranges?count=%t", count), nil, &out)
	return out, err
}

// PlanRanges says what steps would do with the ranges, and does nothing.
func (c *Client) PlanRanges(ctx context.Context, steps ...protocol.RangeStep) (protocol.RangePlan, error) {
	var out protocol.RangePlan
	b, err := json.Marshal(protocol.RangeChange{Steps: steps, Plan: true})
	if err != nil {
		return out, fmt.Errorf("encode request: %w", err)
	}
	err = c.do(ctx, http.MethodPost, "/ranges", b, &out)
	return out, err
}

// ChangeRanges begins one change of the ranges by all steps; it goes on after this has returned. Its errors are those of ChangeMembers.
func (c *Client) ChangeRanges(ctx context.Context, steps ...protocol.RangeStep) (protocol.Members, error) {
	var out protocol.Members
	b, err := json.Marshal(protocol.RangeChange{Steps: steps})
	if err != nil {
		return out, fmt.Errorf("encode request: %w", err)
	}
	err = c.do(ctx, http.MethodPost, "/ranges", b, &out)
	return out, err
}

// SetClock bends the node's clock by offset, in whole milliseconds. The node must run with testing on.
func (c *Client) SetClock(ctx context.Context, offset time.Duration) error {
	return c.post(ctx, "/admin/clock", protocol.Clock{OffsetMS: offset.Milliseconds()})
}

// SetDefects switches on exactly the named defects. The node must run with testing on.
func (c *Client) SetDefects(ctx context.Context, names []string) error {
	if names == nil {
		names = []string{}
	}
	return c.post(ctx, "/admin/defects", protocol.Defects{On: names})
}

func (c *Client) post(ctx context.Context, path string, body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	return c.do(ctx, http.MethodPost, path, b, &struct{}{})
}

// params spells a query of those pairs of name and value whose value is not empty.
func params(pairs ...string) string {
	q := ""
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		sep := "&"
		if q == "" {
			sep = "?"
		}
		q += sep + pairs[i] + "=" + url.QueryEscape(pairs[i+1])
	}
	return q
}

func (c *Client) do(ctx context.Context, method, path string, body []byte, out any) error {
	return c.doWith(ctx, method, path, body, nil, out)
}

func (c *Client) doWith(ctx context.Context, method, path string, body []byte, header http.Header, out any) error {
	write := method != http.MethodGet && !strings.HasPrefix(path, "/admin/")
	var connected atomic.Bool // whether the request may have been sent
	if write {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	}
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return noAnswer(err, write, false)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if c.tenant != "" {
		req.Header.Set(tenant.Header, c.tenant)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return noAnswer(err, write, connected.Load())
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse))
	if err != nil {
		return noAnswer(err, write, true)
	}
	if resp.StatusCode != http.StatusOK {
		return answered(resp, b, write)
	}
	if err := json.Unmarshal(b, out); err != nil {
		return noAnswer(fmt.Errorf("read the response: %w", err), write, true)
	}
	return nil
}

func noAnswer(err error, write, connected bool) error {
	e := &Error{Failure: protocol.Failure{Code: CodeNoAnswer, Message: err.Error()}, cause: err}
	if write {
		e.Outcome = protocol.NotWritten
		if connected {
			e.Outcome = protocol.PerhapsWritten
		}
	}
	return e
}

func answered(resp *http.Response, b []byte, write bool) error {
	var body protocol.ErrorBody
	if err := json.Unmarshal(b, &body); err != nil || body.Error.Code == "" {
		body.Error = protocol.Failure{Code: protocol.CodeInternal, Message: fmt.Sprintf("%s: %.200q", resp.Status, b)}
	}
	if write && body.Error.Outcome != protocol.NotWritten {
		body.Error.Outcome = protocol.PerhapsWritten // also when whoever answered did not say
	}
	return &Error{Status: resp.StatusCode, Failure: body.Error}
}
