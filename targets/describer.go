package targets

import "context"

// Describer is implemented by targets of which only somebody else knows what they are,
// such as a program of the user's: their Info is the least that can be said of all.
type Describer interface {
	// Describe asks, and returns the target with the nodes, levels and functions that
	// there are. cfg is not resolved. Its errors are *UsageError.
	Describe(ctx context.Context, cfg Config) (Target, error)
}

// Describe is t, asked by Describe if it is a Describer.
func Describe(ctx context.Context, t Target, cfg Config) (Target, error) {
	if d, ok := t.(Describer); ok {
		return d.Describe(ctx, cfg)
	}
	return t, nil
}
