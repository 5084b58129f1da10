package workloads

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/spelling"
)

// definition is what one workload's file says of it; it does for all of them
// what New has to do for each: check the configuration and fill in defaults.
type definition struct {
	name, summary string
	models        []string
	needs         Needs
	// weights are the kinds of operation with their default shares; kinds with
	// the share 0 exist but have to be asked for.
	weights map[string]int
	// kindNeeds are the micro-operations that a kind needs beyond Needs: with
	// its default weight it is left out where the target has none of it, and
	// asked for by name it is an error.
	kindNeeds map[string]history.Func
	options   []Option
	// glances: its generators are Glancers.
	glances bool
	// separates: see Separates.
	separates bool
	// opsPerKey is the default of Config.OpsPerKey.
	opsPerKey int
	// build makes the generator from a configuration that was checked and
	// completed.
	build func(cfg Config) (Generator, error)
}

func (d *definition) Name() string            { return d.name }
func (d *definition) Summary() string         { return d.summary }
func (d *definition) Models() []string        { return slices.Clone(d.models) }
func (d *definition) Weights() map[string]int { return maps.Clone(d.weights) }
func (d *definition) Options() []Option       { return slices.Clone(d.options) }
func (d *definition) Needs() Needs {
	return Needs{Funcs: slices.Clone(d.needs.Funcs), MaxTxn: d.needs.MaxTxn}
}

// Bounds of the configuration, far beyond use and far below overflow.
const (
	maxKeys      = 1 << 20
	maxOpsPerKey = 1 << 20
	// defaultMaxInfoPerKey keeps the search of a checker that cannot prune
	// indeterminate operations short: its time grows tenfold with every five.
	defaultMaxInfoPerKey = 8
)

// New checks cfg, fills in what is zero, and makes the generator.
func (d *definition) New(cfg Config) (Generator, error) {
	if cfg.Workers < 1 || cfg.Workers > MaxWorkers {
		return nil, usagef("workload %s: %d workers, but it takes 1 to %d", d.name, cfg.Workers, MaxWorkers)
	}
	if cfg.Nodes < 1 {
		return nil, usagef("workload %s: %d nodes, but it takes at least one", d.name, cfg.Nodes)
	}
	if cfg.Keys < 0 || cfg.Keys > maxKeys {
		return nil, usagef("workload %s: %d keys, but it takes 1 to %d (0 means the default)", d.name, cfg.Keys, maxKeys)
	}
	if cfg.OpsPerKey < 0 || cfg.OpsPerKey > maxOpsPerKey {
		return nil, usagef("workload %s: %d operations a key, but it takes 1 to %d (0 means %d)", d.name, cfg.OpsPerKey, maxOpsPerKey, d.opsPerKey)
	}
	if cfg.MaxInfoPerKey < 0 || cfg.MaxInfoPerKey >= maxOpsPerKey {
		return nil, usagef("workload %s: %d indeterminate operations a key, but it takes 1 to %d (0 means %d)", d.name, cfg.MaxInfoPerKey, maxOpsPerKey-1, defaultMaxInfoPerKey)
	}
	if cfg.OpsPerKey == 0 {
		cfg.OpsPerKey = d.opsPerKey
	}
	if cfg.MaxInfoPerKey == 0 {
		cfg.MaxInfoPerKey = defaultMaxInfoPerKey
	}
	for _, f := range d.needs.Funcs {
		if !slices.Contains(cfg.Funcs, f) {
			return nil, usagef("workload %s needs %s, which this target cannot do; it can do: %s", d.name, f, funcList(cfg.Funcs))
		}
	}
	if cfg.MaxTxn < d.needs.MaxTxn {
		return nil, usagef("workload %s needs transactions of %d micro-operations, but this target takes at most %d in one", d.name, d.needs.MaxTxn, max(cfg.MaxTxn, 1))
	}
	weights, err := d.resolveWeights(cfg)
	if err != nil {
		return nil, err
	}
	cfg.Weights = weights
	if cfg.Options, err = d.resolveOptions(cfg.Options); err != nil {
		return nil, err
	}
	return d.build(cfg)
}

func (d *definition) resolveWeights(cfg Config) (map[string]int, error) {
	if cfg.Weights == nil {
		out := maps.Clone(d.weights)
		for kind, f := range d.kindNeeds {
			if !slices.Contains(cfg.Funcs, f) {
				delete(out, kind)
			}
		}
		return out, nil
	}
	sum := 0
	kinds := slices.Sorted(maps.Keys(d.weights))
	for _, kind := range slices.Sorted(maps.Keys(cfg.Weights)) {
		share := cfg.Weights[kind]
		if _, ok := d.weights[kind]; !ok {
			return nil, usagef("weights: workload %s has no %q%s; it has: %s", d.name, kind, spelling.Hint(kind, kinds), strings.Join(kinds, ", "))
		}
		if share < 0 || share > maxWeight {
			return nil, usagef("weights: the share of %s is %d, but must be from 0 to %d", kind, share, maxWeight)
		}
		f, needed := d.kindNeeds[kind]
		if needed && share > 0 && !slices.Contains(cfg.Funcs, f) {
			return nil, usagef("weights: %s needs %s, which this target cannot do; it can do: %s", kind, f, funcList(cfg.Funcs))
		}
		sum += share
	}
	if sum == 0 {
		return nil, usagef("weights: all shares are 0, so there is nothing to do; workload %s has: %s", d.name, strings.Join(kinds, ", "))
	}
	return maps.Clone(cfg.Weights), nil
}

func (d *definition) resolveOptions(given map[string]string) (map[string]string, error) {
	out := map[string]string{}
	var names []string
	for _, o := range d.options {
		out[o.Name] = o.Default
		names = append(names, o.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, ok := out[name]; !ok {
			has := "it has none"
			if len(names) > 0 {
				has = "it has: " + strings.Join(names, ", ")
			}
			return nil, usagef("workload %s has no option %q%s; %s", d.name, name, spelling.Hint(name, names), has)
		}
		out[name] = given[name]
	}
	return out, nil
}

// number reads the option called name of a configuration that was completed.
func (d *definition) number(cfg Config, name string, least, most float64) (float64, error) {
	text := cfg.Options[name]
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !(x >= least && x <= most) {
		return 0, usagef("workload %s: option %s is %q, but must be a number from %g to %g", d.name, name, text, least, most)
	}
	return x, nil
}

// integer is number for whole numbers.
func (d *definition) integer(cfg Config, name string, least, most int) (int, error) {
	text := cfg.Options[name]
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, usagef("workload %s: option %s is %q, but must be a whole number from %d to %d", d.name, name, text, least, most)
	}
	return n, nil
}

func funcList(funcs []history.Func) string {
	if len(funcs) == 0 {
		return "nothing"
	}
	names := make([]string, len(funcs))
	for i, f := range funcs {
		names[i] = f.String()
	}
	return strings.Join(names, ", ")
}
