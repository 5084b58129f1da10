package drivers

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
)

// TestRunAsksTooSoon: a run that asks for clients before there is a job, or before the driver has found the database, is
// refused; after that it is served.
func TestRunAsksTooSoon(t *testing.T) {
	job := &message{Kind: kindJob, Job: &Job{Run: "test", Plan: json.RawMessage("{}"), At: []string{"n1:1"}, Deadline: time.Minute}}
	open := &message{Kind: kindOpen, Client: 1, Number: 1, Session: &sessionWire{ID: 1}}
	do := &message{Kind: kindDo, Client: 1, Number: 2, Asked: []asked{{Func: history.Read}}}
	end := &message{Kind: kindEnd}
	for name, c := range map[string]struct {
		messages []*message
		says     string
	}{
		"in order":              {[]*message{job, open, do, end}, ""},
		"opened before the job": {[]*message{open, end}, "clients of a database that was not found yet"},
		"asked before the job":  {[]*message{do, end}, "clients of a database that was not found yet"},
		"opened twice":          {[]*message{job, open, open, end}, "a client that there is already"},
		"asked, never opened":   {[]*message{job, do, end}, "a client or a node that there is not"},
	} {
		err := newStand(t, 1).play(t.Context(), c.messages...)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// TestUnopenedClient: a client that could not be opened is not kept; one that could be is.
func TestUnopenedClient(t *testing.T) {
	for _, refused := range []error{nil, errors.New("no more sessions")} {
		s := newStand(t, 1)
		s.db.refuses = refused
		here, there := net.Pipe()
		_ = there.Close() // what it sends goes nowhere
		d := &driver{
			conn: tls.Client(here, clientTLS()), job: &Job{Deadline: time.Minute}, clients: map[int64]*client{}, texts: newTexts(),
			place: newPlace(s.db, []string{"n1:1"}),
		}
		if err := d.serve(t.Context(), &message{Kind: kindOpen, Client: 7, Session: &sessionWire{ID: 1}}); err != nil {
			t.Error(err)
		}
		d.busy.Wait()
		if _, kept := d.clients[7]; kept != (refused == nil) {
			t.Errorf("opening it: %v; kept: %v", refused, kept)
		}
	}
}
