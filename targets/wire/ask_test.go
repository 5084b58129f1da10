package wire

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

// TestAsk: a connection that was made is ended after its use, whatever that says, and one that was
// not made is neither used nor ended.
func TestAsk(t *testing.T) {
	refused, wrong := errors.New("refused"), errors.New("wrong")
	for name, c := range map[string]struct {
		connect, use, want error
		done               []string
	}{
		"well":      {done: []string{"use", "end"}},
		"no way":    {connect: refused, want: refused},
		"no answer": {use: wrong, want: wrong, done: []string{"use", "end"}},
	} {
		var done []string
		err := Ask(t.Context(), time.Hour, func(context.Context) (string, error) { return "it", c.connect },
			func(string) { done = append(done, "end") },
			func(ctx context.Context, conn string) error {
				if _, limited := ctx.Deadline(); !limited || conn != "it" {
					t.Errorf("%s: it was given %q, with a deadline: %t", name, conn, limited)
				}
				done = append(done, "use")
				return c.use
			})
		if !errors.Is(err, c.want) || err != nil && c.want == nil || !slices.Equal(done, c.done) {
			t.Errorf("%s: %v after %q, want %v after %q", name, err, done, c.want, c.done)
		}
	}
}
