package targets

import (
	"log/slog"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/cluster"
)

// Config is what the user asked for, the same for every target.
type Config struct {
	// Run identifies the run; everything that is made in a database that is
	// not ours is named after it.
	Run string
	// Nodes is how many.
	Nodes int
	// ReadLevel and WriteLevel are spelled as the database spells them; empty
	// means the target's default.
	ReadLevel, WriteLevel string
	// Options are the target's own settings, from --set key=value; see
	// Info.Options.
	Options map[string]string
	// Image is the container image to be used instead of the target's own choice,
	// empty for that; it counts only where nodes are containers.
	Image string
	// Containers says that nodes are going to be containers (--provider docker); where
	// the provider is yet to be chosen it is false.
	Containers bool
	// Clocks says that the plan moves clocks: servers that read them through something
	// that makes them slower need it only then.
	Clocks bool
	// PowerFailures says that the plan takes the power from nodes, which loses what they had
	// not synced: it counts for what is promised (Promiser), because a setting may give up
	// what survives that and keep what survives a kill of a process.
	PowerFailures bool
	// Restarts says that the plan has servers end that are started again, by a kill or otherwise, or be
	// replaced: it counts for what is promised (Promiser), because a server that comes back may answer
	// from before what it had shown.
	Restarts bool
	// Roams says that sessions ask another node each time: it counts for what is promised
	// (Promiser), because a session that stays can go by the one order of its node.
	Roams bool
	// Tenants is how many tenants the workload's keys are of, 0 for none; a target that cannot
	// scan has none to know of.
	Tenants history.Tenancy
	// Fields is how many fields each map has that the workload's keys are fields of, 0 for keys that are in none.
	Fields history.Fielding
	// Keys is how many keys the workload may come to in the whole run, at most; 0 where that is not known.
	Keys int64
	// OpTimeout is the deadline of every operation.
	OpTimeout time.Duration
	// Operator has the commands of whoever runs the nodes of an external cluster
	// (Externalizer); may be nil.
	Operator *cluster.Operator
	// Cache is where fetched software is kept, for this user.
	Cache string
	// Progress gets one line at a time about long work (fetching, joining).
	Progress func(line string)
	Log      *slog.Logger
}

// ImageOr is the image that the user chose, or else the target's own choice.
func (c Config) ImageOr(own string) string {
	if c.Image != "" {
		return c.Image
	}
	return own
}

// DefaultOpTimeout is the deadline of an operation where the user names none.
const DefaultOpTimeout = 2 * time.Second
