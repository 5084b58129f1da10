package placement

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// modulo is the naive way to spread keys by hash. It balances them as well as can be, and a change of the number of nodes moves nearly all:
// a key stays where it is only when its hash has the same remainder by both numbers.
type modulo struct{ cycle }

func newModulo(nodes []string, n int) (modulo, error) {
	c, err := newCycle(nodes, n)
	return modulo{c}, err
}

func (m modulo) first(key string) int {
	return int(xxhash.Sum64String(key) % uint64(len(m.nodes)))
}

func (modulo) Partitioner() Partitioner        { return Modulo }
func (m modulo) Replicas(key string) []string  { return m.from(m.first(key), m.n) }
func (m modulo) Misplaced(key string) []string { return m.from(m.first(key)+1, m.n) }
func (m modulo) Beyond(key string) []string {
	return m.from(m.first(key)+m.n, len(m.nodes)-m.n)
}

func (m modulo) Owned(node string) float64 {
	if !slices.Contains(m.nodes, node) {
		return 0
	}
	return 1 / float64(len(m.nodes))
}

func (modulo) VirtualNodes() int     { return 0 }
func (modulo) SplitPoints() []string { return nil }
func (modulo) Settings() string      { return "partitioner=modulo" }
func (m modulo) Digest() string      { return digest("modulo %q n=%d", m.nodes, m.n) }

func digest(format string, args ...any) string {
	h := xxhash.New()
	fmt.Fprintf(h, format, args...)
	return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, h.Sum64()))
}
