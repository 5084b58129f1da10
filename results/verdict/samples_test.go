package verdict

import (
	"math/rand/v2"

	"github.com/lapse-test/lapse/checkers/bank"
	"github.com/lapse-test/lapse/history"
)

// others are the kinds of histories that are no writes and reads of values.
var others = []func(rng *rand.Rand) (*history.History, error){
	func(rng *rand.Rand) (*history.History, error) { return randomLocks(rng, false) },
	func(rng *rand.Rand) (*history.History, error) { return randomLocks(rng, true) },
	randomTransfers,
	randomOpenings,
	randomLogs,
}

// randomLocks are two locks that three sessions take and give back, known by themselves or
// by the names of owners. In some histories they are also taken again by who holds them,
// taken or given back by others, or given an old fencing token.
func randomLocks(rng *rand.Rand, fenced bool) (*history.History, error) {
	b := history.NewBuilder(history.Header{Source: history.SourceLapse, Initial: history.Absent, Nodes: []string{"n1", "n2"}})
	type lock struct {
		key   history.Key
		by    int32
		depth int
		token history.Value
	}
	locks := []*lock{{key: b.Key("a")}, {key: b.Key("b")}}
	ops := []int{12, 60, 240}[rng.IntN(3)]
	named := rng.IntN(2) == 0
	again := []float64{0, 0, 0.2}[rng.IntN(3)] // chances
	foreign := []float64{0, 0, 0.05}[rng.IntN(3)]
	twice := []float64{0, 0, 0.05}[rng.IntN(3)]
	old := []float64{0, 0, 0.05}[rng.IntN(3)]
	chance := func(p float64) bool { return rng.Float64() < p }
	busy, process := map[int32]history.Time{}, map[int32]int32{0: 0, 1: 1, 2: 2}
	now := history.Time(10)
	for i := range ops {
		s := int32(rng.IntN(3))
		now = max(now, busy[s]) + 3 // it takes effect then
		op := history.Op{Session: s, Process: process[s], Node: int16(rng.IntN(2)), Outcome: history.OK, Error: -1, Note: -1,
			Invoke: max(busy[s]+1, now-history.Time(rng.IntN(9))), Complete: now + history.Time(rng.IntN(9))}
		busy[s] = op.Complete
		l := locks[rng.IntN(len(locks))]
		var x history.Txn
		m := history.Mop{Func: history.Acquire, Key: l.key}
		if named {
			m.Arg, m.Flags = history.Value(s+5), history.Owned
		}
		mine := l.depth > 0 && l.by == s
		switch {
		case mine && !chance(again) || l.depth > 0 && chance(foreign):
			m.Func = history.Release
			l.depth--
			if chance(0.03) {
				op.Outcome, op.Complete = history.Info, history.Never
				process[s] = int32(100 + i)
			}
		case l.depth > 0 && !mine && !chance(twice):
			op.Outcome = history.Fail
		default:
			l.by, l.depth = s, l.depth+1
			l.token++
		}
		x.Mops = append(x.Mops, m)
		if fenced && m.Func == history.Acquire && op.Outcome == history.OK && !chance(0.1) {
			token := l.token
			if chance(old) {
				token = max(1, token-2)
			}
			x.SetRead(0, token)
		}
		b.Add(op, &x)
	}
	return b.History()
}

// accounts opens three accounts with ten each, and then has more add what else goes on.
func accounts(rng *rand.Rand, workload string, more func(i int, x *history.Txn)) (*history.History, error) {
	b := history.NewBuilder(history.Header{Source: history.SourceLapse, Workload: workload, Initial: history.Absent, Nodes: []string{"n1", "n2"},
		Attributes: map[string]string{"accounts": "3", "total": "30"}})
	for _, name := range []string{"a", "b", "c"} {
		b.Key(name)
	}
	for i := range 3 + []int{12, 60, 240}[rng.IntN(3)] {
		at := history.Time(2*i + 1)
		op := history.Op{Session: int32(rng.IntN(3)), Node: int16(rng.IntN(2)), Invoke: at, Complete: at + 1, Error: -1, Note: -1, Outcome: history.OK}
		op.Process = op.Session
		var x history.Txn
		if i < 3 {
			x.Mops = append(x.Mops, history.Mop{Func: history.Write, Key: history.Key(i), Arg: 10})
		} else {
			more(i, &x)
		}
		b.Add(op, &x)
	}
	return b.History()
}

// see reads all accounts.
func see(x *history.Txn, balances [3]history.Value) {
	for k, v := range balances {
		x.Mops = append(x.Mops, history.Mop{Func: history.Read, Key: history.Key(k)})
		x.SetRead(k, v)
	}
}

// randomTransfers move money, in some histories more of it than there is, and some reads
// of some histories see half a transfer or miss an account.
func randomTransfers(rng *rand.Rand) (*history.History, error) {
	overdraws := rng.IntN(2) == 0
	wrong := []float64{0, 0, 0.1}[rng.IntN(3)]
	reads := []float64{0.05, 0.3, 0.7}[rng.IntN(3)]
	balances := [3]history.Value{10, 10, 10}
	return accounts(rng, "", func(_ int, x *history.Txn) {
		if rng.Float64() < reads {
			seen := balances
			if rng.Float64() < wrong {
				seen[rng.IntN(3)] = []history.Value{3, history.Absent}[rng.IntN(2)]
			}
			see(x, seen)
			return
		}
		from, amount := rng.IntN(3), history.Value(1+rng.IntN(9))
		to := (from + 1 + rng.IntN(2)) % 3
		if !overdraws {
			amount = min(amount, balances[from])
		}
		balances[from] -= amount
		balances[to] += amount
		x.Mops = append(x.Mops, history.Mop{Func: history.Transfer, Key: history.Key(from), Arg: history.Value(to), Expect: amount})
	})
}

// randomOpenings are a run of the workload in which nobody came to transfer anything, so
// that isolation levels apply as well; in some histories a read misses an account.
func randomOpenings(rng *rand.Rand) (*history.History, error) {
	wrong := []float64{0, 0, 0.1}[rng.IntN(3)]
	return accounts(rng, bank.Model, func(_ int, x *history.Txn) {
		seen := [3]history.Value{10, 10, 10}
		if rng.Float64() < wrong {
			seen[rng.IntN(3)] = history.Absent
		}
		see(x, seen)
	})
}

// randomLogs are messages that are sent to two logs, one after another, while three sessions begin at the beginning and poll, each from where it stood. Some
// logs lose a message before it is polled, some of these their first ones alone, as where retention deletes them.
func randomLogs(rng *rand.Rand) (*history.History, error) {
	b := history.NewBuilder(history.Header{Source: history.SourceLapse, Initial: history.Absent, Nodes: []string{"n1", "n2"}})
	keys := []history.Key{b.Key("a"), b.Key("b")}
	var sent [2][]history.Value
	at := map[int32][]int{} // where a session stands
	lost := []float64{0, 0, 0.1}[rng.IntN(3)]
	head := []int{0, 0, 2}[rng.IntN(3)]
	polls := []float64{0.3, 0.5, 0.7}[rng.IntN(3)]
	for i := range []int{12, 60, 240}[rng.IntN(3)] {
		s := int32(rng.IntN(3))
		now := history.Time(2*i + 1)
		op := history.Op{Session: s, Process: s, Node: int16(rng.IntN(2)), Invoke: now, Complete: now + 1, Error: -1, Note: -1, Outcome: history.OK}
		k := rng.IntN(2)
		var x history.Txn
		switch {
		case rng.Float64() >= polls:
			x.Mops = append(x.Mops, history.Mop{Func: history.Send, Key: keys[k], Arg: history.Value(i + 1)})
			x.SetVersion(0, int64(len(sent[k])))
			sent[k] = append(sent[k], history.Value(i+1))
		case at[s] == nil:
			for _, key := range keys {
				x.Mops = append(x.Mops, history.Mop{Func: history.Assign, Key: key, Arg: history.FromBeginning})
			}
			at[s] = []int{head, head}
		default:
			x.Mops = append(x.Mops, history.Mop{Func: history.Poll, Key: keys[k]})
			var list []history.Value
			for at[s][k] < len(sent[k]) && len(list) < 6 {
				if rng.Float64() >= lost {
					list = append(list, history.Value(at[s][k]), sent[k][at[s][k]])
				}
				at[s][k]++
			}
			x.SetList(0, list)
		}
		b.Add(op, &x)
	}
	return b.History()
}
