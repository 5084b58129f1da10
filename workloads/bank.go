package workloads

import (
	"strconv"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
)

// Attributes of bank for its checker.
const (
	AttributeAccounts = "accounts"
	AttributeTotal    = "total"
)

// bankWorkload moves money between accounts and reads all of them at once: the
// sum must never change, and no balance may be negative.
func bankWorkload() Workload {
	const (
		kindTransfer, optionBalance, optionAmount = "transfer", "balance", "max-amount"
		defaultAccounts                           = 8
	)
	d := &definition{
		name:    "bank",
		summary: "transfers between accounts, all of which are read at once: the sum must not change",
		models:  []string{models.Bank},
		needs:   Needs{Funcs: []history.Func{history.Read, history.Write, history.Transfer}, MaxTxn: 2},
		weights: map[string]int{kindTransfer: 1, kindRead: 1},
		options: []Option{
			{Name: optionBalance, Default: "100", Help: "what every account has in the beginning"},
			{Name: optionAmount, Default: "5", Help: "the largest transfer; the least is 1"},
		},
		opsPerKey: maxOpsPerKey,
	}
	d.build = func(cfg Config) (Generator, error) {
		balance, err := d.integer(cfg, optionBalance, 1, 1_000_000_000)
		if err != nil {
			return nil, err
		}
		amount, err := d.integer(cfg, optionAmount, 1, 1_000_000_000)
		if err != nil {
			return nil, err
		}
		accounts := cfg.Keys
		if accounts == 0 {
			accounts = min(defaultAccounts, cfg.MaxTxn)
		}
		if accounts < 2 {
			return nil, usagef("workload bank: %d accounts, but a transfer takes two; set keys to 2 or more", accounts)
		}
		if accounts > cfg.MaxTxn {
			return nil, usagef("workload bank: %d accounts cannot be read at once, because this target takes at most %d micro-operations in a transaction; set keys to %d or fewer",
				accounts, cfg.MaxTxn, cfg.MaxTxn)
		}
		return &bank{
			choose: newChooser(cfg.Weights), transfer: kindTransfer, nodes: cfg.Nodes,
			accounts: accounts, balance: balance, amount: amount, workers: newSimpleWorkers(cfg),
		}, nil
	}
	return d
}

type bank struct {
	choose                    chooser
	transfer                  string
	nodes                     int
	accounts, balance, amount int
	workers                   []simpleWorker
}

func (g *bank) Attributes() map[string]string {
	return map[string]string{
		AttributeAccounts: strconv.Itoa(g.accounts),
		AttributeTotal:    strconv.Itoa(g.accounts * g.balance),
	}
}

// Setup opens account after account.
func (g *bank) Setup(i int, txn *history.Txn) bool {
	if i >= g.accounts {
		return false
	}
	single(txn, history.Mop{Func: history.Write, Key: history.Key(i), Arg: history.Value(g.balance)})
	return true
}

func (g *bank) Next(w int, txn *history.Txn) (int, bool) {
	r := g.workers[w].stream
	node := r.IntN(g.nodes)
	kind := g.choose.kinds[g.choose.draw(r)]
	from := r.IntN(g.accounts)
	to := (from + 1 + r.IntN(g.accounts-1)) % g.accounts
	amount := 1 + r.IntN(g.amount)
	if kind == g.transfer {
		single(txn, history.Mop{Func: history.Transfer, Key: history.Key(from), Arg: history.Value(to), Expect: history.Value(amount)})
		return node, true
	}
	g.readAll(txn)
	return node, true
}

func (g *bank) readAll(txn *history.Txn) {
	txn.Reset()
	for k := range g.accounts {
		txn.Mops = append(txn.Mops, history.Mop{Func: history.Read, Key: history.Key(k)})
	}
}

func (g *bank) Done(int, *history.Txn, history.Outcome) {}

// Final reads all accounts from every node, dealt out to the workers.
func (g *bank) Final(w, i int, txn *history.Txn) (int, bool) {
	node := i*len(g.workers) + w
	if node >= g.nodes {
		return 0, false
	}
	g.readAll(txn)
	return node, true
}
