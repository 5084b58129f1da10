package quorumkv

import (
	"errors"
	"regexp"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/targets/outcome"
)

// Classify says what an error means for the operation: a read that got no answer
// has failed; a write has failed only when the store, or the connection that
// never came about, says that it was written nowhere. Everything else may have
// been written.
func Classify(err error, write bool) history.Outcome {
	if err == nil {
		return history.OK
	}
	if !write {
		return history.Fail
	}
	var e *client.Error
	if errors.As(err, &e) && e.Outcome == protocol.NotWritten {
		return history.Fail
	}
	return history.Info
}

// words are the texts of errors in the history: the store's own without addresses, or what
// happened to the connection.
var words = append(outcome.Table{{
	Match: outcome.As(func(e *client.Error) bool { return e.Status != 0 || e.Unwrap() == nil }),
	Text:  func(err error) string { return withoutAddresses(err.Error()) },
}}, outcome.Network()...)

// socket is what Go says before the cause when a connection of a node to another one fails.
var socket = regexp.MustCompile(`\b(?:dial|read|write) (?:tcp|udp) \S+: (?:(?:connect|read|write): )?`)

// place is an address with a port in the midst of what a node says, with the word before it.
var place = regexp.MustCompile(`(?: (?:at|to|from|on))? (?:[\w.-]+|\[[0-9a-fA-F:.%]+\]):\d+\b`)

func withoutAddresses(said string) string {
	return place.ReplaceAllString(socket.ReplaceAllString(said, ""), "")
}

// inHistory gives an error of the store's client the text that a history has of it, without
// addresses, ports and keys; others are lapse's own and stay.
func inHistory(err error) error {
	var e *client.Error
	if !errors.As(err, &e) {
		return err
	}
	return words.Explain(err)
}

// overtaken says that a write's condition on the key's version was false, so that nothing was written.
func overtaken(err error) bool {
	var e *client.Error
	return errors.As(err, &e) && e.Code == string(engine.CodeConflict)
}
