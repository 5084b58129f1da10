package hunt

import (
	"slices"

	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/workloads"
)

// sampled is how many operations of a workload are looked at: enough that every kind is among them.
const sampled = 200

// decides tells whether a checker of one of the models takes what a workload asks for: a run of any other would be evidence of
// nothing, whatever stands above or below its models. It is asked of what the workload asks of a target that can do that. A model
// of which the registry knows nothing, and a workload that cannot be made by itself, are taken to be decided.
func decides(w workloads.Workload, wanted []string, info targets.Info) bool {
	h, err := asks(w, info)
	if err != nil {
		return true
	}
	return slices.ContainsFunc(wanted, func(m string) bool {
		c, err := registry.ByName(m)
		return err != nil || c.Applies(h) == nil
	})
}

// asks is a history of what a workload asks for, of which nothing was answered.
func asks(w workloads.Workload, info targets.Info) (*history.History, error) {
	const workers = 2
	g, err := w.New(workloads.Config{Workers: workers, Nodes: info.DefaultNodes, Funcs: info.Funcs, MaxTxn: info.MaxTxn, TxnUnmixed: info.TxnUnmixed})
	if err != nil {
		return nil, err
	}
	b := history.NewBuilder(history.Header{Attributes: g.Attributes()})
	var txn history.Txn
	for i := range sampled {
		txn.Reset()
		if _, more := g.Next(i%workers, &txn); !more {
			break
		}
		b.Add(history.Op{Invoke: history.Time(i), Complete: history.Never, Process: int32(i), Session: int32(i % workers), Error: -1, Note: -1, Node: -1, Outcome: history.Info}, &txn)
		g.Done(i%workers, &txn, history.Info)
	}
	return b.History()
}
