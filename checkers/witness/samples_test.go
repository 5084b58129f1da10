package witness

import (
	"math/rand/v2"

	"github.com/lapse-test/lapse/history"
)

// randomLocks makes two locks that sessions take and give back, known by themselves or by
// the names of owners, with fencing tokens or without. In most histories a lock is
// sometimes taken while it is held, given back by somebody else, or given an old token.
func randomLocks(seed uint64) (*history.History, error) {
	type state struct {
		held  bool
		by    int32
		token history.Value
	}
	locks := make([]state, 2)
	named, fenced, wrong := seed%2 == 0, seed%3 == 0, seed%5 != 0
	return sequentially(seed, nil, 16, func(rng *rand.Rand, _ int, s int32, t *history.Txn) history.Outcome {
		k := rng.IntN(len(locks))
		l := &locks[k]
		mistake := wrong && rng.IntN(10) == 0
		m := history.Mop{Func: history.Acquire, Key: history.Key(k)}
		if named {
			m.Arg, m.Flags = history.Value(s+7), history.Owned
		}
		gives := l.held && l.by == s && rng.IntN(6) > 0 || mistake && rng.IntN(2) == 0
		outcome := history.OK
		switch {
		case gives:
			m.Func = history.Release
			if rng.IntN(12) == 0 {
				outcome = history.Info
			}
			l.held = false
		case l.held && !mistake:
			outcome = history.Fail
		default:
			l.held, l.by = true, s
			l.token++
		}
		t.Mops = append(t.Mops, m)
		if !gives && outcome == history.OK && fenced && rng.IntN(6) > 0 {
			token := l.token
			if mistake || wrong && rng.IntN(5) == 0 {
				token -= history.Value(1 + rng.IntN(2))
			}
			t.SetRead(0, token)
		}
		return outcome
	})
}

// randomLogs makes two logs and consumers that read on from where they are. In most
// histories a message is sometimes lost, moved, doubled, skipped or made up.
func randomLogs(seed uint64) (*history.History, error) {
	type reader struct {
		s   int32
		log int
	}
	logs := make([][]history.Value, 2) // messages by offset
	at := map[reader]int{}
	wrong := seed%5 != 0
	return sequentially(seed, nil, 24, func(rng *rand.Rand, i int, s int32, t *history.Txn) history.Outcome {
		odd := func() bool { return wrong && rng.IntN(14) == 0 }
		k := rng.IntN(len(logs))
		m := history.Mop{Func: history.Send, Key: history.Key(k)}
		switch rng.IntN(6) {
		case 0, 1:
			m.Arg = history.Value(100 + i)
			t.Mops = append(t.Mops, m)
			switch outcome := []history.Outcome{history.Info, history.Fail, history.OK, history.OK, history.OK, history.OK}[rng.IntN(6)]; outcome {
			case history.OK:
				offset := len(logs[k])
				if odd() {
					offset = max(0, offset-2)
				}
				t.SetVersion(0, int64(offset))
				logs[k] = append(logs[k], m.Arg)
				return outcome
			default:
				if outcome == history.Info && rng.IntN(2) == 0 || outcome == history.Fail && odd() {
					logs[k] = append(logs[k], m.Arg)
				}
				return outcome
			}
		case 2:
			m.Func, m.Arg = []history.Func{history.Assign, history.Subscribe}[rng.IntN(2)], history.Assigned
			if m.Func == history.Assign && rng.IntN(3) > 0 {
				m.Arg = history.FromBeginning
			}
			t.Mops = append(t.Mops, m)
			if at[reader{s, k}] = 0; odd() {
				at[reader{s, k}]++
			}
			return history.OK
		}
		m.Func = history.Poll
		t.Mops = append(t.Mops, m)
		place := reader{s, k}
		var list []history.Value
		for n := rng.IntN(4); n > 0 && at[place] < len(logs[k]); n-- {
			offset, message := at[place], logs[k][at[place]]
			if odd() {
				message = 7
			} else if odd() {
				offset = max(0, offset-1)
			}
			list = append(list, history.Value(offset), message)
			if at[place]++; odd() {
				at[place]++
			}
		}
		t.SetList(0, list)
		return history.OK
	})
}

// randomTenants makes two tenants with two keys each, who write, read, list and back up. In most histories one is sometimes shown what any of
// them wrote, or tried to. Now and then both write the same value.
func randomTenants(seed uint64) (*history.History, error) {
	const tenants = 2
	var all []history.Value
	own := make([][]history.Value, tenants)
	wrong := seed%5 != 0
	return sequentially(seed, map[string]string{history.AttributeTenants: "2"}, 24, func(rng *rand.Rand, i int, _ int32, t *history.Txn) history.Outcome {
		m := history.Mop{Func: history.Write, Key: history.Key(rng.IntN(2 * tenants))}
		mine := own[int(m.Key)%tenants]
		if rng.IntN(2) == 0 || len(mine) == 0 {
			m.Arg = history.Value(100 + i)
			if len(all) > 0 && rng.IntN(10) == 0 {
				m.Arg = all[rng.IntN(len(all))]
			}
			t.Mops = append(t.Mops, m)
			all = append(all, m.Arg)
			own[int(m.Key)%tenants] = append(mine, m.Arg)
			return []history.Outcome{history.Info, history.Fail, history.OK, history.OK, history.OK}[rng.IntN(5)]
		}
		shown := func() history.Value {
			if wrong && rng.IntN(8) == 0 {
				return all[rng.IntN(len(all))]
			}
			return mine[rng.IntN(len(mine))]
		}
		if m.Func = []history.Func{history.Read, history.Scan, history.Backup}[rng.IntN(3)]; m.Func == history.Read {
			t.Mops = append(t.Mops, m)
			t.SetRead(0, shown())
			return history.OK
		}
		t.Mops = append(t.Mops, m)
		t.SetList(0, []history.Value{shown(), shown()})
		return history.OK
	})
}
