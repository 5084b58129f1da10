package alert

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/violations"
)

// How long one message may take, and all that are still to be told when the run is over.
const (
	timeout = 10 * time.Second
	grace   = 15 * time.Second
)

// Schema is the version of the document that is told.
const Schema = 1

// Alarm is the document that is told: the first violation of a model in a run.
type Alarm struct {
	Schema int `json:"schema"`
	// Found is MeanwhileFound or EndFound.
	Found string `json:"found"`
	Run   string `json:"run"`
	// Directory is that of the run.
	Directory  string `json:"directory"`
	Target     string `json:"target"`
	Workload   string `json:"workload"`
	WriteLevel string `json:"write_level"`
	ReadLevel  string `json:"read_level"`
	Seed       uint64 `json:"seed"`
	Reproduce  string `json:"reproduce"`
	// Violation is the violation with its operations, as in witness.json.
	Violation violations.Witness `json:"violation"`
}

// When a violation was found: while the run went on, or by the verdict on the whole.
const (
	MeanwhileFound = "while it ran"
	EndFound       = "at the end"
)

// Teller tells the first violation of each model in one run. Its methods are safe for
// concurrent use, and do nothing for a nil one.
type Teller struct {
	hook    *Hook
	text    string
	dir     string
	deliver Deliver
	note    func(string)
	timeout time.Duration
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup

	mu     sync.Mutex
	known  map[string]bool
	queue  chan Alarm
	closed bool
	result store.Alerts
}

// Start makes the Teller of a run, which ends at Close. note is told what failed; dir is
// where a command is run. It is nil for a hook that is nil.
func Start(ctx context.Context, text, dir string, deliver Deliver, note func(string)) (*Teller, error) {
	h, err := Parse(text)
	if h == nil || err != nil {
		return nil, err
	}
	if deliver == nil {
		deliver = Direct
	}
	t := &Teller{
		hook: h, text: text, dir: dir, deliver: deliver, note: note, timeout: timeout,
		known: map[string]bool{}, queue: make(chan Alarm, 1024),
	}
	t.result.To = h.String()
	t.ctx, t.cancel = context.WithCancel(context.WithoutCancel(ctx))
	t.wg.Go(t.work)
	return t, nil
}

// Tell has a violation of a model told, if it is the first one. It does not wait.
func (t *Teller) Tell(model string, alarm func() Alarm) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.known[model] {
		return
	}
	t.known[model] = true
	select {
	case t.queue <- alarm():
	default: // there are not so many models
	}
}

func (t *Teller) work() {
	for f := range t.queue {
		err := t.tell(f)
		t.mu.Lock()
		if err == nil {
			t.result.Told++
			t.mu.Unlock()
			continue
		}
		failed := fmt.Sprintf("%s: %s", f.Violation.Model, strings.ReplaceAll(err.Error(), "\n", "; "))
		t.result.Failed = append(t.result.Failed, failed)
		t.mu.Unlock()
		t.note("a violation could not be told: " + failed)
	}
}

func (t *Teller) tell(f Alarm) error {
	if err := t.ctx.Err(); err != nil {
		return fmt.Errorf("it was not told in time: %w", err)
	}
	ctx, cancel := context.WithTimeout(t.ctx, t.timeout)
	defer cancel()
	f.Schema = Schema
	body, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encoding a violation: %w", err)
	}
	return t.deliver(ctx, Message{To: t.text, Dir: t.dir, Body: append(body, '\n'), Env: []string{
		"LAPSE_RUN=" + f.Run, "LAPSE_RUN_DIRECTORY=" + f.Directory, "LAPSE_TARGET=" + f.Target, "LAPSE_WORKLOAD=" + f.Workload,
		"LAPSE_MODEL=" + f.Violation.Model, "LAPSE_ANOMALY=" + f.Violation.Anomaly, "LAPSE_KEY=" + cmp.Or(f.Violation.Key, ""),
	}})
}

// Close waits until all is told, for 15 s at most, and says what came of it; nil if nothing
// was to be told.
func (t *Teller) Close() *store.Alerts {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	if !t.closed {
		t.closed = true
		close(t.queue)
	}
	t.mu.Unlock()
	late := time.AfterFunc(grace, t.cancel)
	t.wg.Wait()
	late.Stop()
	t.cancel()
	r := t.result
	return &r
}
