package workloads

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/lapse-test/lapse/history"
)

// Digest is a fingerprint of what w generates for cfg: a hash over all setup
// operations and the first n operations of every worker, with the nodes asked.
// The plan of a run stores it, so that a run can be seen to be driven the same
// way again: the same seed and configuration give the same digest on every
// machine, another seed another one.
//
// Workers are asked in turn and answered by a model database in which every
// operation succeeds at once, because compare-and-set depends on answers.
func Digest(w Workload, cfg Config, n int) (string, error) {
	g, err := w.New(cfg)
	if err != nil {
		return "", fmt.Errorf("digest of the workload: %w", err)
	}
	sum := sha256.New()
	var buf []byte
	var txn history.Txn
	model := newModel()
	add := func(who, node int) {
		buf = binary.BigEndian.AppendUint64(buf[:0], uint64(who))
		buf = binary.BigEndian.AppendUint64(buf, uint64(node))
		buf = binary.BigEndian.AppendUint64(buf, uint64(len(txn.Mops)))
		for i := range txn.Mops {
			m := &txn.Mops[i]
			buf = append(buf, byte(m.Func), byte(m.Flags))
			buf = binary.BigEndian.AppendUint64(buf, uint64(m.Key))
			buf = binary.BigEndian.AppendUint64(buf, uint64(m.Arg))
			buf = binary.BigEndian.AppendUint64(buf, uint64(m.Expect))
		}
		sum.Write(buf)
	}
	for i := 0; g.Setup(i, &txn); i++ {
		add(-1, 0)
		model.apply(&txn)
	}
	for range n {
		for who := range cfg.Workers {
			node, ok := g.Next(who, &txn)
			if !ok {
				continue
			}
			add(who, node)
			g.Done(who, &txn, model.apply(&txn))
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
