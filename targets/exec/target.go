package exec

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/external"
)

// Name is the target's name.
const Name = "exec"

// The target's options. OptProgram is the program, a line for the shell.
const (
	OptProgram = "program"
	optDir     = "dir"
)

// onlyLevel is the level of a program that names none.
const onlyLevel = "default"

const (
	defaultOpTimeout = 2 * time.Second
	askTimeout       = 20 * time.Second
)

// Target is any database, before its program was asked what it is. The zero value is
// ready; it is safe for concurrent use.
type Target struct{}

var (
	_ targets.Target    = Target{}
	_ targets.Describer = Target{}
)

// Info implements targets.Target: what a program can be at most.
func (Target) Info() targets.Info {
	return targets.Info{
		Name:        Name,
		Summary:     "any database, through a program in any language that speaks JSON lines (docs/targets/exec.md)",
		ReadLevels:  []string{onlyLevel},
		WriteLevels: []string{onlyLevel},
		Options: []targets.Option{
			{Name: OptProgram, Help: "the program: a line for the shell, such as 'python3 client.py --port 7000'; passwords come from the environment, which it inherits"},
			{Name: optDir, Help: "the directory that it is started in (default: the current one)"},
		},
		Funcs: functions(), MaxTxn: txnMost,
		DefaultNodes: 1, MinNodes: 1, MaxNodes: nodesMost,
		Startup: time.Second, FindsNodes: true,
	}
}

// Resolve implements targets.Target: nothing can be said without the program.
func (Target) Resolve(cfg targets.Config) (targets.Config, error) { return cfg, nil }

// Spec implements targets.Target.
func (Target) Spec(cfg targets.Config) cluster.Spec {
	return cluster.Spec{Run: cfg.Run, Nodes: cluster.NodeNames(max(cfg.Nodes, 1))}
}

// Abilities implements targets.Target.
func (Target) Abilities(targets.Config) []ability.Ability { return nil }

// Start implements targets.Target.
func (Target) Start(context.Context, cluster.Cluster, targets.Config) (targets.System, error) {
	return nil, fmt.Errorf("starting %s: its program was not asked what it is (targets.Describe)", Name)
}

// commandOf is the command that the options say.
func commandOf(options map[string]string) (command, error) {
	c := command{options[OptProgram], options[optDir]}
	if strings.TrimSpace(c.line) == "" {
		return c, targets.Usagef("target %s: say which program speaks for the database, such as --set %s='python3 client.py'; docs/targets/exec.md has examples", Name, OptProgram)
	}
	if external.HoldsSecret(c.line) {
		return c, targets.Usagef("--set %s: it has a secret in it, and settings are stored with the run: leave it in a variable of the environment, which the program inherits, or in a file", OptProgram)
	}
	dir, err := filepath.Abs(c.dir)
	if err == nil {
		var stat os.FileInfo
		if stat, err = os.Stat(dir); err == nil && !stat.IsDir() {
			err = fmt.Errorf("%s is no directory", dir)
		}
	}
	if err != nil {
		return c, targets.Usagef("--set %s=%s: %v", optDir, c.dir, err)
	}
	c.dir = dir
	return c, nil
}

// Describe implements targets.Describer: the program is started once and asked.
func (t Target) Describe(ctx context.Context, cfg targets.Config) (targets.Target, error) {
	if _, err := targets.ResolveOptions(t.Info(), cfg.Options); err != nil {
		return nil, err
	}
	c, err := commandOf(cfg.Options)
	if err != nil {
		return nil, err
	}
	p, err := c.start(nil)
	if err != nil {
		return nil, targets.Usagef("--set %s: %v", OptProgram, err)
	}
	h, err := p.hello(ctx, roleAsk, cfg.Nodes)
	if err == nil {
		err = h.check(cfg.Nodes)
	}
	if err != nil {
		_ = p.close(false) // what went wrong is known
		return nil, targets.Usagef("--set %s=%s: asking it what it is (hello): %v%s", OptProgram, c.line, err, p.said())
	}
	if err := p.close(true); err != nil {
		return nil, targets.Usagef("--set %s: ending it: %v", OptProgram, err)
	}
	return &described{h: h, now: &current{}}, nil
}

// hello asks the program what it is.
func (p *program) hello(ctx context.Context, role string, nodes int) (Hello, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var h Hello
	if _, err := p.ask(ctx, Request{Type: typeHello, Protocol: protocol, Role: role, Nodes: nodes}, &h); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("it does not answer: %w", err)
		}
		return h, err
	}
	return h, nil
}

// described is the database that a program speaks for.
type described struct {
	h Hello
	// now has the system that runs.
	now *current
}

// Info implements targets.Target.
func (t *described) Info() targets.Info {
	i := Target{}.Info()
	i.ReadLevels, i.WriteLevels = levelsOr(t.h.ReadLevels), levelsOr(t.h.WriteLevels)
	i.Funcs, i.MaxTxn, i.TxnUnmixed = t.h.funcs(), max(1, t.h.MaxTxn), t.h.Unmixed
	i.DefaultNodes, i.MinNodes, i.MaxNodes = len(t.h.Nodes), len(t.h.Nodes), len(t.h.Nodes)
	return i
}

func levelsOr(levels []string) []string {
	if len(levels) == 0 {
		return []string{onlyLevel}
	}
	return levels
}

// Resolve implements targets.Target.
func (t *described) Resolve(cfg targets.Config) (targets.Config, error) {
	i := t.Info()
	var err error
	if cfg.Options, err = targets.ResolveOptions(i, cfg.Options); err != nil {
		return cfg, err
	}
	if _, err = commandOf(cfg.Options); err != nil {
		return cfg, err
	}
	for _, l := range []struct {
		flag   string
		level  *string
		levels []string
	}{{"--read-level", &cfg.ReadLevel, i.ReadLevels}, {"--write-level", &cfg.WriteLevel, i.WriteLevels}} {
		if *l.level == "" {
			*l.level = l.levels[0]
		}
		if !slices.Contains(l.levels, *l.level) {
			return cfg, targets.Usagef("%s %s: the program says that there are %s", l.flag, *l.level, strings.Join(l.levels, ", "))
		}
	}
	if cfg.Nodes == 0 {
		cfg.Nodes = i.DefaultNodes
	}
	if cfg.OpTimeout == 0 {
		cfg.OpTimeout = defaultOpTimeout
	}
	cfg.Operator = t.h.operator()
	return cfg, nil
}

// Spec implements targets.Target: the nodes are where the program says, under their
// names.
func (t *described) Spec(cfg targets.Config) cluster.Spec {
	return cluster.Spec{
		Run: cfg.Run, Nodes: t.h.Nodes, At: t.h.Nodes, Operator: t.h.operator(),
		Alive: t.now.alive, Carry: t.now.carry,
	}
}

// Abilities implements targets.Target.
func (t *described) Abilities(targets.Config) []ability.Ability {
	has := []ability.Ability{ability.Death}
	if t.h.can(cluster.CommandStart) {
		has = append(has, ability.Restart, ability.Sync)
	}
	return has
}

// funcs are the functions as lapse knows them; check has seen that there are such.
func (h *Hello) funcs() []history.Func {
	var out []history.Func
	for _, name := range h.Functions {
		if f, ok := history.ParseFunc(name); ok {
			out = append(out, f)
		}
	}
	return out
}

func (h *Hello) can(verb string) bool { return slices.Contains(h.Control, verb) }
