package targets

import "context"

// Externalizer is implemented by targets that can also be tested on an external
// cluster: one that is there already, and that lapse neither starts nor stops.
type Externalizer interface {
	// External is the target on the cluster that is there at these addresses, as
	// --at gives them: one a node. Its errors are *UsageError and repeat no secret; an
	// address with a secret in it is refused, because addresses are stored and shown.
	//
	// The target that it returns has a Spec with the addresses, starts nothing and
	// fetches nothing: package external makes it.
	External(at []string) (Target, error)
}

// External is t on the external cluster at these addresses.
func External(t Target, at []string) (Target, error) {
	e, ok := t.(Externalizer)
	if !ok {
		return nil, Usagef("--at: target %s cannot be tested on an external cluster", t.Info().Name)
	}
	return e.External(at)
}

// Locator is implemented by an Externalizer for which something else than a node knows
// where the nodes are, such as a manager's interface.
type Locator interface {
	// Locate replaces addresses of such a thing by those of the nodes, for External, which it
	// asks over the network; other addresses come back as they are. Lines say, for people,
	// what was found. Its errors are *UsageError and *cluster.EnvironmentError.
	Locate(ctx context.Context, at []string) (nodes, lines []string, err error)
}

// Locate replaces addresses at which t finds its nodes by those of the nodes.
func Locate(ctx context.Context, t Target, at []string) (nodes, lines []string, err error) {
	if l, ok := t.(Locator); ok && len(at) > 0 {
		return l.Locate(ctx, at)
	}
	return at, nil, nil
}
