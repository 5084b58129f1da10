package quorumkv

import (
	"errors"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
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

// overtaken says that a write's condition on the key's version was false, so that nothing was written.
func overtaken(err error) bool {
	var e *client.Error
	return errors.As(err, &e) && e.Code == string(engine.CodeConflict)
}
