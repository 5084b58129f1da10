package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	driver "github.com/nats-io/nats.go"
)

// Headers of a message that is not delivered, of which servers tell where it would have
// gone (NATS documentation, "Message tracing").
const (
	headerTraceTo   = "Nats-Trace-Dest"
	headerTraceOnly = "Nats-Trace-Only"
)

// traces says whether servers of this version tell where a message goes: since 2.11.
func traces(version string) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	major, err := strconv.Atoi(parts[0])
	if err != nil {
		return false
	}
	minor, err := strconv.Atoi(parts[1])
	return err == nil && (major > 2 || major == 2 && minor >= 11)
}

// trace is what a server tells of one message.
type trace struct {
	Server struct {
		Name string `json:"name"`
	} `json:"server"`
	Events []struct {
		Type  string `json:"type"`
		Kind  int    `json:"kind"`
		Name  string `json:"name"`
		Error string `json:"error"`
	} `json:"events"`
}

// Kinds of a server's connections that lead to other servers (server/client.go).
const (
	kindRoute   = 1
	kindGateway = 2
	kindLeaf    = 4
)

// traced says which server would get a request on this subject: that which is connected
// or another one, by chance where several of a group listen.
func (l *link) traced(ctx context.Context, subject string) (string, error) {
	to := driver.NewInbox()
	sub, err := l.conn.SubscribeSync(to)
	if err != nil {
		return "", err
	}
	defer func() { _ = sub.Unsubscribe() }() // the connection ends soon
	m := &driver.Msg{Subject: subject, Reply: driver.NewInbox(), Header: driver.Header{}}
	m.Header.Set(headerTraceTo, to)
	m.Header.Set(headerTraceOnly, "true")
	if err := l.conn.PublishMsg(m); err != nil {
		return "", err
	}
	for {
		answer, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return "", fmt.Errorf("asking where a message goes: %w", err)
		}
		if to, ours, err := readTrace(answer.Data, l.conn.ConnectedServerName()); ours || err != nil {
			return to, err
		} // else it is of the server to which it went on
	}
}

// readTrace reads what a server tells of a message: where it goes, if it is the server of that name that tells.
func readTrace(data []byte, server string) (to string, ours bool, err error) {
	var t trace
	if err := json.Unmarshal(data, &t); err != nil {
		return "", false, errors.Join(errGarbage, err)
	}
	if t.Server.Name != server {
		return "", false, nil
	}
	to, err = t.goesTo()
	return to, true, err
}

// goesTo is the server that the message goes to, by the word of the first. What stays in a
// server goes to something that is no connection and is not told.
func (t trace) goesTo() (string, error) {
	for _, e := range t.Events {
		switch {
		case e.Error != "":
			return "", errors.New(e.Error)
		case e.Type != "eg":
		case e.Kind == kindRoute, e.Kind == kindGateway, e.Kind == kindLeaf:
			return e.Name, nil
		}
	}
	return t.Server.Name, nil
}
