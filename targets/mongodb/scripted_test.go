package mongodb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// errCut has a scripted server close the connection in the place of an answer.
var errCut = errors.New("cut")

// scripted is a member of a replica set of which every answer is written down here: it
// keeps nothing, and shows what is sent and what is made of an answer. It answers hello
// and commands as MongoDB's manual has them.
type scripted struct {
	addr     string
	listener net.Listener
	// set is the name of the replica set, empty for a standalone server; hosts are its
	// members, and secondary says that this is one.
	set       string
	hosts     []string
	secondary bool
	// answer is what a command is answered, nil for the usual.
	answer func(name string, command bson.Raw) (bson.D, error)

	mu   sync.Mutex
	seen []bson.Raw
	// asked counts how often lapse asked what it is; the driver asks without a session.
	asked int
}

func script(t *testing.T) *scripted {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{addr: l.Addr().String(), listener: l, set: "rs0"}
	s.hosts = []string{s.addr}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				if err := s.serve(c); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errCut) && !errors.Is(err, net.ErrClosed) {
					s.mu.Lock()
					defer s.mu.Unlock()
					s.seen = append(s.seen, nil) // a test that counts sees it
				}
			}()
		}
	}()
	return s
}

// clusterTime is that of every answer.
var clusterTime = bson.Timestamp{T: 7, I: 3}

func (s *scripted) serve(c net.Conn) error {
	const opReply, opQuery, header = 1, 2004, 16
	for {
		head := make([]byte, header)
		if _, err := io.ReadFull(c, head); err != nil {
			return io.EOF
		}
		body := make([]byte, binary.LittleEndian.Uint32(head)-header)
		if _, err := io.ReadFull(c, body); err != nil {
			return io.EOF
		}
		kind := binary.LittleEndian.Uint32(head[12:])
		var at int
		switch kind {
		case opQuery: // flags, a name that ends with 0, two numbers
			at = 4
			for body[at] != 0 {
				at++
			}
			at += 9
		case opMsg:
			at = 5
		default:
			return fmt.Errorf("a message of kind %d", kind)
		}
		command := bson.Raw(body[at : at+int(binary.LittleEndian.Uint32(body[at:]))])
		said, err := s.reply(command)
		if err != nil {
			return err
		}
		doc, err := bson.Marshal(said)
		if err != nil {
			return err
		}
		var out []byte
		if kind == opQuery {
			out = append(make([]byte, 16), 1, 0, 0, 0) // flags, cursor, start, one document
			kind = opReply
		} else {
			out = make([]byte, 5)
		}
		out = append(out, doc...)
		answer := binary.LittleEndian.AppendUint32(nil, uint32(header+len(out)))
		answer = binary.LittleEndian.AppendUint32(answer, 1)
		answer = append(answer, head[4:8]...)
		answer = binary.LittleEndian.AppendUint32(answer, kind)
		if _, err := c.Write(append(answer, out...)); err != nil {
			return io.EOF
		}
	}
}

// hellos is how often lapse asked what it is.
func (s *scripted) hellos() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *scripted) reply(command bson.Raw) (bson.D, error) {
	elements, err := command.Elements()
	if err != nil {
		return nil, err
	}
	ok := bson.D{{Key: "ok", Value: 1}, {Key: "operationTime", Value: clusterTime}, {Key: "$clusterTime", Value: bson.D{{Key: "clusterTime", Value: clusterTime}}}}
	switch name := elements[0].Key(); name {
	case "isMaster", "ismaster", "hello":
		if command.Lookup("lsid").Type != 0 {
			s.mu.Lock()
			s.asked++
			s.mu.Unlock()
		}
		h := bson.D{
			{Key: "ismaster", Value: !s.secondary}, {Key: "isWritablePrimary", Value: !s.secondary}, {Key: "secondary", Value: s.secondary},
			{Key: "minWireVersion", Value: 0}, {Key: "maxWireVersion", Value: 21}, {Key: "maxBsonObjectSize", Value: 16777216},
			{Key: "maxMessageSizeBytes", Value: 48000000}, {Key: "maxWriteBatchSize", Value: 100000}, {Key: "logicalSessionTimeoutMinutes", Value: 30},
		}
		if s.set != "" {
			h = append(h, bson.E{Key: "setName", Value: s.set}, bson.E{Key: "hosts", Value: s.hosts}, bson.E{Key: "me", Value: s.addr})
		}
		return append(h, ok...), nil
	case "buildInfo":
		return append(bson.D{{Key: "version", Value: "8.0.1"}, {Key: "gitVersion", Value: "scripted"}}, ok...), nil
	case "endSessions":
		return ok, nil
	default:
		s.mu.Lock()
		s.seen = append(s.seen, append(bson.Raw(nil), command...))
		answer := s.answer
		s.mu.Unlock()
		if answer != nil {
			if said, err := answer(name, command); said != nil || err != nil {
				return said, err
			}
		}
		switch name {
		case "find":
			return append(bson.D{{Key: "cursor", Value: bson.D{{Key: "id", Value: int64(0)}, {Key: "ns", Value: "x.data"}, {Key: "firstBatch", Value: bson.A{}}}}}, ok...), nil
		case "listDatabases":
			return append(bson.D{{Key: "databases", Value: bson.A{}}, {Key: "totalSize", Value: 0}}, ok...), nil
		case "update":
			return append(bson.D{{Key: "n", Value: 1}, {Key: "nModified", Value: 1}}, ok...), nil
		case "insert", "delete":
			return append(bson.D{{Key: "n", Value: 1}}, ok...), nil
		case "findAndModify":
			return append(bson.D{{Key: "value", Value: bson.D{{Key: "_id", Value: "x"}}}}, ok...), nil
		}
		return ok, nil
	}
}

// says has every command answered so from now on.
func (s *scripted) says(answer func(name string, command bson.Raw) (bson.D, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// commands are the names of what was sent, but for what belongs to connections.
func (s *scripted) commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, c := range s.seen {
		elements, err := c.Elements()
		if err != nil || len(elements) == 0 {
			out = append(out, "what cannot be read")
			continue
		}
		out = append(out, elements[0].Key())
	}
	return out
}

// sent is command i.
func (s *scripted) sent(i int) bson.Raw {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[i]
}

// failure is an answer that says no.
func failure(code int, name string, labels ...string) bson.D {
	d := bson.D{{Key: "ok", Value: 0}, {Key: "code", Value: code}, {Key: "codeName", Value: name}, {Key: "errmsg", Value: "scripted"}}
	if len(labels) > 0 {
		d = append(d, bson.E{Key: "errorLabels", Value: labels})
	}
	return d
}

// unmet is an answer that says that a write was applied and its write concern not met.
func unmet(code int, name string) bson.D {
	return bson.D{{Key: "ok", Value: 1}, {Key: "n", Value: 1}, {Key: "nModified", Value: 1}, {Key: "writeConcernError", Value: bson.D{
		{Key: "code", Value: code}, {Key: "codeName", Value: name}, {Key: "errmsg", Value: "scripted"},
	}}}
}

// refusedWrite is an answer that says that a write was not carried out.
func refusedWrite(code int) bson.D {
	return bson.D{{Key: "ok", Value: 1}, {Key: "n", Value: 0}, {Key: "writeErrors", Value: bson.A{bson.D{
		{Key: "index", Value: 0}, {Key: "code", Value: code}, {Key: "errmsg", Value: "scripted"},
	}}}}
}
