package nemesis

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

const familyLimit = "limit"

// limits are processes that the kernel gives nothing more of something. What a database makes
// of it is its own affair: it may wait, refuse, or end.
func limits() family {
	limit := func(name, summary string, r cluster.Resource) kind {
		return kind{
			Info: Info{Name: name, Kind: familyLimit, MinNodes: 1, Needs: []ability.Ability{ability.Restart}, Capabilities: []cluster.Capability{cluster.Limits},
				Summary: summary, NotExternal: "lapse limits no process that it did not start: use pause, or kill"},
			grip: onProcess,
			pick: func(r *rand.Rand, nodes []string, s *Step) { s.Nodes = pickOne(nodes, r.IntN(len(nodes))) }, check: checkOne,
			act: func(s *Step) action { return &limited{victims: victims{family: familyLimit, step: s}, resource: r} },
		}
	}
	return family{doing: "lifting limits", restore: unlimit, kinds: []kind{
		limit("fd-limit", "let the processes of one node open no more files and connections (RLIMIT_NOFILE at half of what they have)", cluster.OpenFiles),
		limit("memory-limit", "let the processes of one node map no more memory than they have (RLIMIT_AS); what ends of it is started again", cluster.Memory),
	}}
}

// resources are those that faults limit.
var resources = [...]cluster.Resource{cluster.OpenFiles, cluster.Memory}

// limited takes effect when the kernel says that each process of the node has a lower limit
// than before and the main process can have no more, or when that one has ended of it. It is
// healed when each may have what it might before and a process runs. Whether anybody wanted
// more meanwhile is in the fault's record.
type limited struct {
	victims
	fault    *history.Fault
	resource cluster.Resource
	node     cluster.Limiter
	pid      int
	before   map[int]cluster.Allowance
}

func (l *limited) aim(ctx context.Context, s *scene, f *history.Fault) error {
	err := l.victims.aim(ctx, s, f)
	l.fault = f
	f.Name = fmt.Sprintf("limit %s of %s", l.resource, l.step.Nodes[0])
	if err != nil {
		return err
	}
	var ok bool
	if l.node, ok = l.nodes[0].(cluster.Limiter); !ok {
		return usagef("the processes of %s cannot be limited there", l.step.Nodes[0])
	}
	all, err := l.node.Allowances(l.resource)
	if err != nil {
		return err
	}
	l.before = map[int]cluster.Allowance{}
	for _, p := range all {
		l.before[p.Pid] = p
	}
	return nil
}

func (l *limited) inject(ctx context.Context, _ *scene) error {
	l.pid = l.nodes[0].Pid()
	return l.node.Limit(ctx, l.resource)
}

func (l *limited) tookEffect(ctx context.Context, _ *scene) ([]string, error) {
	n := l.nodes[0]
	if n.Pid() != l.pid {
		return []string{fmt.Sprintf("process %d of %s has ended under its limit on %s", l.pid, n.Name(), l.resource)}, nil
	}
	all, err := l.node.Allowances(l.resource)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no process", n.Name())
	}
	for i, p := range all {
		switch was, known := l.before[p.Pid]; {
		case known && p.May >= was.May:
			return nil, fmt.Errorf("process %d of %s may have %s, as before", p.Pid, n.Name(), l.amount(p.May))
		case i == 0 && !p.Full:
			// It has given something back since: that is taken from it too.
			return nil, joinErrors([]error{fmt.Errorf("process %d of %s has %s and may have %s", p.Pid, n.Name(), l.amount(p.Has), l.amount(p.May)), l.node.Limit(ctx, l.resource)})
		}
	}
	main := all[0]
	return []string{fmt.Sprintf("process %d of %s has %s, may have %s (%s before) and can have no more, and so it is with each process of the node (%d)",
		main.Pid, n.Name(), l.amount(main.Has), l.amount(main.May), l.amount(l.before[main.Pid].May), len(all))}, nil
}

// heal lifts the limit whatever counting before it comes to.
func (l *limited) heal(ctx context.Context, s *scene) error {
	uncounted := l.countRefusals()
	if err := l.node.Unlimit(ctx, l.resource); err != nil {
		return joinErrors([]error{uncounted, err})
	}
	return joinErrors([]error{uncounted, l.victims.heal(ctx, s)})
}

// countRefusals notes who has run into the limit, once.
func (l *limited) countRefusals() error {
	if l.fault.Met != nil {
		return nil
	}
	got, err := l.node.Refused(l.resource)
	if err != nil {
		return err
	}
	n, name := l.nodes[0], l.nodes[0].Name()
	met, proof := got.Lines+got.Waiting, []string{}
	if got.Lines > 0 {
		lines := count.Of(got.Lines, "line")
		if got.Unread {
			lines = "at least " + lines
		}
		proof = append(proof, fmt.Sprintf("the logs of %s say in %s that it gets no more %s", name, lines, l.resource))
	}
	if got.Waiting > 0 {
		proof = append(proof, fmt.Sprintf("%s can open no file for those who wait to be accepted: %s", name, count.Of(got.Waiting, "connection")))
	}
	if n.Pid() != l.pid {
		met++
		proof = append(proof, fmt.Sprintf("process %d of %s has ended under its limit on %s", l.pid, name, l.resource))
	}
	if met == 0 {
		seen := fmt.Sprintf("%s was not seen to run into its limit on %s", name, l.resource)
		if got.Unread {
			seen += " in what was read of its logs, which have grown too much to be read to their end"
		}
		proof = append(proof, seen)
	}
	l.fault.Met, l.fault.Proof = &met, append(l.fault.Proof, proof...)
	return nil
}

func (l *limited) healed(ctx context.Context, s *scene) ([]string, error) {
	proof, err := l.victims.healed(ctx, s)
	if err != nil {
		return nil, err
	}
	all, err := l.node.Allowances(l.resource)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		switch was, known := l.before[p.Pid]; {
		case known && p.May != was.May:
			err := fmt.Errorf("process %d of %s may have %s, and not %s as before", p.Pid, l.nodes[0].Name(), l.amount(p.May), l.amount(was.May))
			return nil, joinErrors([]error{err, l.node.Unlimit(ctx, l.resource)})
		case !known && p.Full:
			err := fmt.Errorf("process %d of %s has %s and may have no more", p.Pid, l.nodes[0].Name(), l.amount(p.Has))
			return nil, joinErrors([]error{err, l.node.Unlimit(ctx, l.resource)})
		}
	}
	if l.nodes[0].Pid() != l.pid {
		return proof, nil // which is told by countRefusals
	}
	return append(proof, fmt.Sprintf("each process of the node (%d) may have as much as before", len(all))), nil
}

// amount is n of the resource in words.
func (l *limited) amount(n uint64) string {
	const mib = 1 << 20
	switch {
	case n == math.MaxUint64:
		return "any"
	case l.resource == cluster.Memory:
		return fmt.Sprintf("%.1f MiB", float64(n)/mib)
	}
	return fmt.Sprintf("%d open files", n)
}

// unlimit lifts the limits of all nodes.
func unlimit(ctx context.Context, s *scene) error {
	return each(s.Cluster.Nodes(), func(n cluster.Node) error {
		l, ok := n.(cluster.Limiter)
		if !ok {
			return nil
		}
		return each(resources[:], func(r cluster.Resource) error { return l.Unlimit(ctx, r) })
	})
}
