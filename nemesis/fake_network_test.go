package nemesis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// The fake as cluster.Cluster and cluster.Network.

func (f *fake) Provider() string                            { return "fake" }
func (f *fake) Bind(string, int) (string, error)            { return "", nil }
func (f *fake) Route(string, string, int) (string, error)   { return "", nil }
func (f *fake) Network() cluster.Network                    { return f }
func (f *fake) Close(context.Context) error                 { return nil }
func (f *fake) Exec(context.Context, cluster.Command) error { return nil }

func (f *fake) Nodes() []cluster.Node {
	var out []cluster.Node
	for _, n := range f.names {
		if f.lies.distant {
			out = append(out, distantNode{f.nodes[n]})
			continue
		}
		out = append(out, f.nodes[n])
	}
	return out
}

func (f *fake) Node(name string) (cluster.Node, error) {
	if n, ok := f.nodes[name]; ok {
		return n, nil
	}
	return nil, fmt.Errorf("no node %s", name)
}

func (f *fake) Cut(_ context.Context, links ...cluster.Link) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lies.cutFails {
		return errors.New("nf_tables is not there")
	}
	if f.lies.cutNothing {
		return nil
	}
	if f.lies.cutAllButOne {
		links = links[:len(links)-1]
	}
	for _, l := range links {
		if _, there := f.cut[l]; !there {
			f.cut[l] = time.Now()
		}
	}
	if f.lies.cutTooMuch {
		f.cut[cluster.Link{From: cluster.Clients, To: f.names[0]}] = time.Now()
	}
	return nil
}

// Lost implements cluster.Holder.
func (f *fake) Lost(_ context.Context, node string, since time.Time) error {
	if f.lies.holdLost && since.After(f.began) {
		return errors.New("the hold on " + node + " was lost")
	}
	return nil
}

func (f *fake) Heal(ctx context.Context, links ...cluster.Link) error {
	if err := ctx.Err(); err != nil {
		return err // as orders to a kernel are given up
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lies.healNothing {
		return nil
	}
	if f.lies.healAllButOne {
		links = links[1:]
	}
	for _, l := range links {
		delete(f.cut, l)
	}
	return nil
}

func (f *fake) HealAll(ctx context.Context) error {
	return f.Heal(ctx, slices.SortedFunc(maps.Keys(f.cut), func(a, b cluster.Link) int {
		return slices.Compare([]string{a.From, a.To}, []string{b.From, b.To})
	})...)
}

// Drops counts the packets of a database that sends one every 100 ms over every
// link but those between n2 and n3, which have nothing to say to each other.
func (f *fake) Drops(context.Context) (map[cluster.Link]cluster.Drops, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[cluster.Link]cluster.Drops{}
	for l, since := range f.cut {
		var d cluster.Drops
		if !f.silent(l) && !f.lies.countNothing {
			d.Packets = uint64(time.Since(since) / (100 * time.Millisecond))
		}
		out[l] = d
	}
	return out, nil
}

// silent tells whether nothing is sent over l: between n2 and n3 of three, where
// nodes talk to the first one alone, and where a process does not run.
func (f *fake) silent(l cluster.Link) bool {
	for _, end := range []string{l.From, l.To} {
		if n := f.nodes[end]; n != nil && n.state != cluster.Running {
			return true
		}
	}
	if l.From == cluster.Clients || l.To == cluster.Clients {
		return false
	}
	return (f.lies.star || len(f.names) == 3) && l.From != "n1" && l.To != "n1"
}

// talks is the star for a schedule.
func talks(primary, from, to string) bool {
	return from == primary || to == primary || from == cluster.Clients || to == cluster.Clients
}

func (f *fake) Shape(_ context.Context, q cluster.Quality, links ...cluster.Link) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range links {
		if q != (cluster.Quality{}) {
			f.shaped[l] = q
		} else if !f.lies.unshapeNothing {
			delete(f.shaped, l)
		}
	}
	return nil
}

func (f *fake) Held(context.Context) (map[cluster.Link]cluster.Held, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[cluster.Link]cluster.Held{}
	for l, q := range f.shaped {
		out[l] = f.heldOn(q)
	}
	return out, nil
}

// heldOn is what ten packets of the database meet on a link of quality q.
func (f *fake) heldOn(q cluster.Quality) (h cluster.Held) {
	if f.lies.shapeNothing {
		return cluster.Held{Passed: 10}
	}
	h = cluster.Held{Packets: 3, Bytes: 300, Waited: 3 * q.Delay, Passed: 10}
	if q.Loss > 0 {
		h.Passed, h.Lost = 8, 2
	}
	if q.Loss > 0 && f.lies.loseAll {
		h.Passed, h.Lost = 0, 10
	}
	if q.Duplicate > 0 {
		h.Twice = 4
	}
	if q.Reorder > 0 && !f.lies.overtakeNothing {
		h.Overtook = 1
	}
	return h
}

func (f *fake) Usual(cluster.Link) cluster.Quality {
	if f.lies.farApart {
		return cluster.Quality{Delay: 700 * time.Millisecond} // more than any fault adds
	}
	return cluster.Quality{}
}

func (f *fake) RoundTrip(ctx context.Context, a, b string) (time.Duration, error) {
	took := time.Millisecond + f.Usual(cluster.Link{From: a, To: b}).Delay + f.Usual(cluster.Link{From: b, To: a}).Delay
	f.mu.Lock()
	if !f.lies.shapeOnlyCounts {
		took += f.shaped[cluster.Link{From: a, To: b}].Delay + f.shaped[cluster.Link{From: b, To: a}].Delay
	}
	f.mu.Unlock()
	sleep(ctx, took)
	return took, ctx.Err()
}

func (f *fake) Reset(context.Context, ...cluster.Link) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lies.resetNothing {
		return 0, nil
	}
	f.resets++
	return 2, nil
}

func (f *fake) Probe(ctx context.Context, l cluster.Link) error {
	arrives := func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		_, cut := f.cut[l]
		return !cut || f.lies.countOnly
	}
	for {
		if f.lies.probeBreaks {
			return errors.New("no socket left")
		}
		if ctx.Err() == nil && arrives() {
			return nil
		}
		if !sleep(ctx, 50*time.Millisecond) {
			return fmt.Errorf("%s: %w", l, cluster.ErrUnreachable)
		}
	}
}
