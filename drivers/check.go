package drivers

import (
	"errors"
	"fmt"

	"github.com/lapse-test/lapse/history"
)

// fromDriver refuses what no driver that has joined sends, and cleans what of it people are told. What an answer
// says of an operation is checked against that (seen.check).
func (m *message) fromDriver() error {
	switch m.Kind {
	case kindPong, kindReady, kindLeave:
	case kindGiveUp, kindOpened:
		m.Reason = history.Brief(m.Reason)
	case kindDone:
		if m.Seen == nil {
			return errors.New("it sent an answer without what was seen")
		}
	default:
		return fmt.Errorf("it sent a message that a driver does not send: %q", history.Brief(m.Kind))
	}
	return nil
}

// fromRun refuses what no run sends to a driver that it has welcomed: a driver is as careful with its run.
func (m *message) fromRun() error {
	switch m.Kind {
	case kindPing, kindClose, kindEnd:
	case kindJob:
		if m.Job == nil || len(m.Job.At) == 0 || m.Job.Deadline <= 0 {
			return errors.New("a job without nodes or deadline")
		}
	case kindOpen:
		if m.Session == nil {
			return errors.New("a client to be opened without a session")
		}
	case kindDo:
		var txn history.Txn
		unpackTxn(m.Asked, &txn)
		if err := txn.Check(); err != nil {
			return fmt.Errorf("an operation that is none: %w", err)
		}
	default:
		return fmt.Errorf("a message that a run does not send: %q", history.Brief(m.Kind))
	}
	return nil
}
