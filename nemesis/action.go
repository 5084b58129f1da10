package nemesis

import (
	"context"
	"errors"
	"fmt"

	"github.com/lapse-test/lapse/history"
)

// action carries out one step. The methods are called in this order, one at a
// time; each must respect its context. What an action shares with others that
// are under way goes through the ledger.
type action interface {
	// aim settles what the schedule left open and describes the fault in f. A skipped error says
	// that there is nothing to be done to. What the fault needs for itself its kind claims, and is
	// held for it when aim has returned.
	aim(ctx context.Context, s *scene, f *history.Fault) error
	// inject breaks.
	inject(ctx context.Context, s *scene) error
	// tookEffect returns the proof that it takes effect, or says why it does not seem to.
	// It is called again until it does, or the time for it is over.
	tookEffect(ctx context.Context, s *scene) ([]string, error)
	// heal mends. It is called even when inject failed half-way, and again
	// when it failed itself.
	heal(ctx context.Context, s *scene) error
	// healed returns the proof that the fault's own effect is undone, or says
	// what still holds. It is called again until it is.
	healed(ctx context.Context, s *scene) ([]string, error)
}

// repeated is implemented by actions that do something again and again.
type repeated interface {
	// cease ends that. It is called at the end of whatever happened, also when nobody heals.
	cease()
}

// patient is implemented by actions that take longer to take effect than others.
type patient interface {
	// patience is what the limits are for it.
	patience(Limits) Limits
}

// skipped is why a step was not carried out, through no failure.
type skipped struct{ why string }

func (e *skipped) Error() string { return e.why }

func skip(format string, args ...any) error { return &skipped{fmt.Sprintf(format, args...)} }

func isSkipped(err error) bool {
	var s *skipped
	return errors.As(err, &s)
}
