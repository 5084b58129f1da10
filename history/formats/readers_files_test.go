package formats

import (
	"bufio"
	"fmt"
	"math/rand/v2"

	"github.com/lapse-test/lapse/history"
)

// benchFile is a file of BenchmarkReaders: write writes n operations, of transactions n
// micro-operations, the same ones every time.
type benchFile struct {
	name, format string
	write        func(out *bufio.Writer, n int) error
}

// benchFiles are one for each text format, and two for those that hold registers and lists.
func benchFiles() []benchFile {
	of := func(name, format string, make func(n int) (*history.History, error)) benchFile {
		return benchFile{name, format, func(out *bufio.Writer, n int) error {
			h, err := make(n)
			if err != nil {
				return err
			}
			return Write(out, format, h)
		}}
	}
	return []benchFile{
		of("registers.jsonl", "lapse-jsonl", benchRegisters),
		of("registers.edn", "edn", benchRegisters),
		of("lists.edn", "edn", benchLists),
		of("registers.json", "elle-json", benchRegisters),
		of("lists.json", "elle-json", benchLists),
		{"etcd.log", "porcupine-etcd", benchEtcd},
		{"kv.log", "porcupine-kv", benchKV},
		of("txns.plume", "plume", benchTransactions),
		of("txns.awdit", "awdit", benchTransactions),
		{"txns.hist", "dbcop-hist", benchHist},
		{"txns.json", "dbcop-json", benchDbcop},
	}
}

// benchClock gives each of its clients the stamps of one operation after the other.
type benchClock struct {
	rng  *rand.Rand
	free []history.Time
}

func newBenchClock(seed uint64, clients int) benchClock {
	return benchClock{rand.New(rand.NewPCG(seed, 1)), make([]history.Time, clients)}
}

func (c *benchClock) next() (client int, op history.Op) {
	client = c.rng.IntN(len(c.free))
	begin := c.free[client] + history.Time(c.rng.IntN(20_000))
	c.free[client] = begin + history.Time(200_000+c.rng.ExpFloat64()*300_000)
	return client, history.Op{
		Invoke: begin, Complete: c.free[client], Process: int32(client), Session: int32(client),
		Node: int16(c.rng.IntN(3)), Outcome: history.OK, Error: -1, Note: -1,
	}
}

func benchHeader() history.Header {
	return history.Header{Source: history.SourceLapse, Initial: history.Absent, Nodes: []string{"n1", "n2", "n3"}}
}

// benchRegisters are reads and writes of 64 keys by 32 clients.
func benchRegisters(n int) (*history.History, error) {
	c, b := newBenchClock(1, 32), history.NewBuilder(benchHeader())
	var state [64]history.Value
	for k := range state {
		state[k] = history.Absent
	}
	for i := range n {
		_, op := c.next()
		k := c.rng.IntN(len(state))
		m := history.Mop{Key: history.Key(k), Func: history.Read, Ret: state[k], Flags: history.Observed}
		if c.rng.IntN(3) == 0 {
			state[k] = history.Value(i + 1)
			m = history.Mop{Key: history.Key(k), Func: history.Write, Arg: state[k]}
		}
		b.AddPlain(op, m)
	}
	return b.History()
}

// benchLists are transactions of four appends and reads of lists, which grow to 32 elements.
func benchLists(n int) (*history.History, error) {
	c, b := newBenchClock(2, 32), history.NewBuilder(benchHeader())
	var txn history.Txn
	lists := make([][]history.Value, 16)
	keys := make([]history.Key, 16)
	next := history.Key(0)
	for i := range n {
		k := c.rng.IntN(len(lists))
		if len(lists[k]) == 0 || len(lists[k]) == 32 {
			lists[k], keys[k] = nil, next
			next++
		}
		if c.rng.IntN(2) == 0 || len(lists[k]) == 0 {
			txn.Mops = append(txn.Mops, history.Mop{Func: history.Append, Key: keys[k], Arg: history.Value(i + 1)})
			lists[k] = append(lists[k], history.Value(i+1))
		} else {
			txn.Mops = append(txn.Mops, history.Mop{Func: history.ReadList, Key: keys[k]})
			txn.SetList(len(txn.Mops)-1, lists[k])
		}
		if len(txn.Mops) == 4 || i == n-1 {
			_, op := c.next()
			b.Add(op, &txn)
			txn.Reset()
		}
	}
	return b.History()
}

// benchTxn calls event for each of n events of transactions on registers, end behind each
// transaction, which is one of 100 sessions; sessions come one after the other.
func benchTxn(n int, event func(session, key, value int, write bool), end func(session int)) {
	rng := rand.New(rand.NewPCG(3, 1))
	const sessions, keys = 100, 1000
	var state [keys]int
	for i := range n {
		session := i * sessions / n
		k := rng.IntN(keys)
		write := state[k] == 0 || rng.IntN(3) == 0
		if write {
			state[k] = i + 1
		}
		event(session, k, state[k], write)
		if i == n-1 || rng.IntN(4) == 0 || (i+1)*sessions/n != session {
			end(session)
		}
	}
}

func benchTransactions(n int) (*history.History, error) {
	c := newClockless("bench", true)
	benchTxn(n, func(_, key, value int, write bool) {
		if k := c.key(uint64(key)); write {
			c.write(k, history.Value(value))
		} else {
			c.read(k, history.Value(value))
		}
	}, func(session int) { c.end(int32(session), history.OK) })
	return c.b.History()
}

func benchHist(out *bufio.Writer, n int) error {
	open, before := false, 0
	benchTxn(n, func(session, key, value int, write bool) {
		switch {
		case open:
			out.WriteByte(' ')
		case session != before:
			out.WriteString("---\n[")
		default:
			out.WriteByte('[')
		}
		open, before = true, session
		if write {
			fmt.Fprintf(out, "x%d:=%d", key, value)
		} else {
			fmt.Fprintf(out, "x%d==%d", key, value)
		}
	}, func(int) {
		open = false
		out.WriteString("]\n")
	})
	return nil
}

func benchDbcop(out *bufio.Writer, n int) error {
	out.WriteString(`{"params":{"id":0},"info":"bench","start":"2026-01-01T00:00:00Z","end":"2026-01-01T00:01:00Z","data":[[`)
	events, txns, before := 0, 0, 0
	benchTxn(n, func(session, key, value int, write bool) {
		switch {
		case events > 0:
			out.WriteByte(',')
		case session != before:
			out.WriteString(`],[{"events":[`)
		case txns > 0:
			out.WriteString(`,{"events":[`)
		default:
			out.WriteString(`{"events":[`)
		}
		events, before = events+1, session
		kind := "Read"
		if write {
			kind = "Write"
		}
		fmt.Fprintf(out, `{"%s":{"variable":%d,"version":%d}}`, kind, key, value)
	}, func(int) {
		events, txns = 0, txns+1
		out.WriteString(`],"committed":true}`)
	})
	out.WriteString("]]}\n")
	return nil
}

// benchLog calls invoke and complete for n operations of ten processes, of which the next one
// begins before the last ones have ended.
func benchLog(n int, invoke, complete func(op, process int)) {
	const processes = 10
	for i := range n {
		if i >= processes {
			complete(i-processes, i%processes)
		}
		invoke(i, i%processes)
	}
	for i := max(0, n-processes); i < n; i++ {
		complete(i, i%processes)
	}
}

func benchEtcd(out *bufio.Writer, n int) error {
	line := func(process int, typ, rest string, args ...any) {
		fmt.Fprintf(out, "INFO  jepsen.util - %d\t:%s\t:"+rest+"\n", append([]any{process, typ}, args...)...)
	}
	benchLog(n, func(op, process int) {
		switch op % 3 {
		case 0:
			line(process, "invoke", "write\t%d", op%5)
		case 1:
			line(process, "invoke", "read\tnil")
		default:
			line(process, "invoke", "cas\t[%d %d]", op%5, op%4)
		}
	}, func(op, process int) {
		switch op % 3 {
		case 0:
			line(process, "ok", "write\t%d", op%5)
		case 1:
			line(process, "ok", "read\t%d", op%5)
		default:
			line(process, []string{"ok", "fail"}[op%2], "cas\t[%d %d]", op%5, op%4)
		}
	})
	return nil
}

// benchKV has texts of which every third operation is the first to name one.
func benchKV(out *bufio.Writer, n int) error {
	line := func(process int, typ, f string, key int, value string) {
		fmt.Fprintf(out, "{:process %d, :type :%s, :f :%s, :key \"%d\", :value %s}\n", process, typ, f, key, value)
	}
	text := func(op int) string { return fmt.Sprintf(`"x %d %d y"`, op%10, op) }
	each := func(op, process int, typ, read string) {
		switch op % 3 {
		case 0:
			line(process, typ, "put", op%64, text(op))
		case 1:
			line(process, typ, "get", op%64, read)
		default:
			line(process, typ, "append", op%64, text(op-2))
		}
	}
	benchLog(n, func(op, process int) { each(op, process, "invoke", "nil") },
		func(op, process int) { each(op, process, "ok", text(op-1)) })
	return nil
}
