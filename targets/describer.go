package targets

import "context"

// Describer is implemented by targets that differ by their settings, such as a store with
// modes, or of which only the external cluster says what they are (Info.FindsNodes): their Info is
// what they are by default, or the least that can be said of all.
type Describer interface {
	// Describe returns the target with the nodes, levels and functions that
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
