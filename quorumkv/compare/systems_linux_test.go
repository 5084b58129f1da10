package compare

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/internal/ports"
	"github.com/lapse-test/lapse/quorumkv/consensus"
	"github.com/lapse-test/lapse/quorumkv/leaderless"
)

// system is one of those that are compared.
type system struct {
	name string
	// start returns when it serves.
	start func(ctx context.Context, l *launcher) (*cluster, error)
	// ways are how clients may ask it. The one with which it is fastest is taken for all rounds.
	ways  []way
	way   *way
	tried []string // what each way gave
}

// way is how the workers' clients are spread.
type way struct {
	name string
	open func(ctx context.Context, c *cluster) ([]client, error)
}

// systems are those that LAPSE_SYSTEMS names, or all.
func systems(ctx context.Context, b *testing.B) []*system {
	b.Helper()
	program := os.Getenv("LAPSE_PROGRAM")
	if program == "" {
		b.Fatal("LAPSE_PROGRAM: give the path of the program lapse")
	}
	chosen := func(name string) bool {
		only := os.Getenv("LAPSE_SYSTEMS")
		return only == "" || slices.Contains(strings.Split(only, ","), name)
	}
	var all []*system
	for _, mode := range []string{leaderless.Mode, consensus.Mode} {
		if chosen(mode) {
			all = append(all, ours(program, mode))
		}
	}
	if chosen("etcd") {
		s, err := etcd(ctx)
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		b.Fatalf("LAPSE_SYSTEMS=%s: there are %s, %s and etcd", os.Getenv("LAPSE_SYSTEMS"), leaderless.Mode, consensus.Mode)
	}
	return all
}

// choose tries all ways in turn, for a moment each.
func (s *system) choose(ctx context.Context, c *cluster) error {
	const turns = 3
	opened := make([][]client, len(s.ways))
	for i, w := range s.ways {
		clients, err := w.open(ctx, c)
		if err != nil {
			return fmt.Errorf("clients: %s: %w", w.name, err)
		}
		defer closeAll(clients)
		opened[i] = clients
	}
	if err := fill(ctx, opened[0]); err != nil {
		return fmt.Errorf("fill in the keys: %w", err)
	}
	rates := make([]float64, len(s.ways))
	for turn := range turns * len(s.ways) {
		i := turn % len(s.ways)
		m, err := run(ctx, c, opened[i], load{"a try", 5}, 400*time.Millisecond)
		if err != nil {
			return fmt.Errorf("try %s: %w", s.ways[i].name, err)
		}
		rates[i] += m.rate / turns
	}
	for i := range s.ways {
		s.tried = append(s.tried, fmt.Sprintf("%s %.0f/s", s.ways[i].name, rates[i]))
		if rates[i] == slices.Max(rates) {
			s.way = &s.ways[i]
		}
	}
	return nil
}

// place makes a directory for each node, below one of the system's own, and finds so many addresses.
func (l *launcher) place(addresses int) (dir string, dirs, addrs []string, err error) {
	if dir, err = os.MkdirTemp(l.dir, "nodes-"); err != nil {
		return "", nil, nil, err
	}
	for i := range nodes {
		dirs = append(dirs, filepath.Join(dir, nodeName(i)))
	}
	for range addresses {
		r, err := ports.Reserve()
		if err != nil {
			return "", nil, nil, err
		}
		l.ports, addrs = append(l.ports, r), append(addrs, r.Addr())
	}
	return dir, dirs, addrs, nil
}

func nodeName(i int) string { return fmt.Sprint("n", i+1) }
