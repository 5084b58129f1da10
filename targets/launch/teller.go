package launch

import (
	"fmt"
	"log/slog"
	"sync/atomic"
)

// Teller tells the log, and the history of a run, what happens to the servers of a database
// that no client sees, such as a failover. A System that has such things to tell embeds it
// and so is a targets.Observer. Its methods are safe for concurrent use.
type Teller struct {
	log     *slog.Logger
	observe atomic.Pointer[func(kind, text string)]
}

// NewTeller is a teller that writes to log.
func NewTeller(log *slog.Logger) *Teller { return &Teller{log: log} }

// Observe implements targets.Observer.
func (t *Teller) Observe(f func(kind, text string)) { t.observe.Store(&f) }

// Tell tells one thing. Kind is a word of the database's page, such as "failover".
func (t *Teller) Tell(kind, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	t.log.Info(text, "kind", kind)
	if f := t.observe.Load(); f != nil {
		(*f)(kind, text)
	}
}
