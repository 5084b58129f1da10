package external

import (
	"slices"

	"github.com/lapse-test/lapse/targets"
)

// OptDialect is the option that names what an external cluster is, where several databases
// speak one protocol.
const OptDialect = "dialect"

// Dialect is a database that speaks the protocol of another, which a target was made for: how
// it differs, from its documentation. What else a target has to know of its dialects stands in
// a type of its own that embeds this one.
type Dialect struct {
	// Name is the value of OptDialect, Title what people call it.
	Name, Title string
	// Isolations are its isolation levels, the default first; Reads its read levels, likewise.
	Isolations, Reads []string
	// Promises says what is documented to hold at a read level and an isolation level,
	// whatever happens to the network and to processes, as targets.Promiser does; nil says
	// nothing.
	Promises func(read, isolation string) map[string]bool
}

// Base is d, also of the type that embeds it.
func (d Dialect) Base() Dialect { return d }

// Promised is what Promises says, nil if it says nothing.
func (d Dialect) Promised(read, isolation string) map[string]bool {
	if d.Promises == nil {
		return nil
	}
	return d.Promises(read, isolation)
}

// Dialects are all that a target knows, the database that it was made for first. It is not
// changed, so that the methods are safe for concurrent use.
type Dialects[D interface{ Base() Dialect }] []D

// Of is the one that resolved options name, else the first.
func (ds Dialects[D]) Of(options map[string]string) D {
	i := slices.IndexFunc(ds, func(d D) bool { return d.Base().Name == options[OptDialect] })
	return ds[max(i, 0)]
}

// Read is the default read level of the one that options name.
func (ds Dialects[D]) Read(options map[string]string) string { return ds.Of(options).Base().Reads[0] }

// Options are those of an external cluster: OptDialect with its help, those of the target's
// own with the given names, of which isolation has the dialect's default, and those of TLS.
func (ds Dialects[D]) Options(help string, own []targets.Option, isolation string, kept ...string) []targets.Option {
	dialect := targets.Option{Name: OptDialect, Default: ds[0].Base().Name, Help: help}
	for _, d := range ds {
		dialect.Values = append(dialect.Values, d.Base().Name)
	}
	out := []targets.Option{dialect}
	for _, o := range own {
		switch {
		case o.Name == isolation:
			o.Default, o.Values = "", append([]string{""}, o.Values...)
			o.Help += " (default: the dialect's)"
			out = append(out, o)
		case slices.Contains(kept, o.Name):
			out = append(out, o)
		}
	}
	return append(out, TLSOptions()...)
}
