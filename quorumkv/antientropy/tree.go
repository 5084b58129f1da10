package antientropy

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/lapse-test/lapse/quorumkv/record"
)

const (
	fan    = 16 // children of a node
	depth  = 3  // the level of leaves; the root's is 0
	leaves = fan * fan * fan
)

// tree is a hash tree after Merkle (1987) of the records that two nodes both replicate. Which leaf a key belongs to is said by its hash.
type tree struct {
	levels [depth + 1][]uint64
	keys   [leaves][]string // by leaf
}

func leafOf(key string) int { return int(xxhash.Sum64String(key) % leaves) } //nolint:gosec // below leaves

// put adds a record. The order does not matter.
func (t *tree) put(key string, r record.Record) {
	if t.levels[depth] == nil {
		t.levels[depth] = make([]uint64, leaves)
	}
	leaf := leafOf(key)
	t.keys[leaf] = append(t.keys[leaf], key)
	b := append([]byte(key), 0)
	t.levels[depth][leaf] ^= xxhash.Sum64(r.AppendTo(b))
}

// seal computes all levels above the leaves.
func (t *tree) seal() {
	if t.levels[depth] == nil {
		t.levels[depth] = make([]uint64, leaves)
	}
	for level := depth - 1; level >= 0; level-- {
		below := t.levels[level+1]
		t.levels[level] = make([]uint64, len(below)/fan)
		for i := range t.levels[level] {
			var b []byte
			for _, h := range below[i*fan : (i+1)*fan] {
				b = binary.BigEndian.AppendUint64(b, h)
			}
			t.levels[level][i] = xxhash.Sum64(b)
		}
	}
}

// node is the hash of a node of a level.
type node struct {
	At   int    `json:"at"`
	Hash uint64 `json:"hash"`
}

// differ are those of a level's nodes whose hashes are not these.
func (t *tree) differ(level int, theirs []node) []int {
	var out []int
	for _, n := range theirs {
		if n.At >= 0 && n.At < len(t.levels[level]) && t.levels[level][n.At] != n.Hash {
			out = append(out, n.At)
		}
	}
	return out
}

// children are the nodes below those of a level.
func (t *tree) children(level int, of []int) []node {
	var out []node
	for _, p := range of {
		for i := p * fan; i < (p+1)*fan; i++ {
			out = append(out, node{i, t.levels[level+1][i]})
		}
	}
	return out
}
