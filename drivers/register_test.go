package drivers

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// register is a database of registers. It is correct unless it is told to forget, and says to its clients' test what
// the clock of their driver showed.
type register struct {
	mu     sync.Mutex
	values map[history.Key][]history.Value
	// stale has reads return the value before the last.
	stale    bool
	sessions []targets.Session
	block    chan struct{} // operations wait for it, if it is not nil
	// linger, if it is not nil, is called between an answer and when the driver tells it.
	linger func()
	// shows, if it is not nil, is what nodes show.
	shows func(node int) error
	// refuses is why no client is opened, nil if one is.
	refuses error
	// counted is how many operations there were since that was asked last.
	counted int64
}

func newRegister() *register { return &register{values: map[history.Key][]history.Value{}} }

func (r *register) Close() error { return nil }

func (r *register) Shows(_ context.Context, node int) error {
	if r.shows == nil {
		return nil
	}
	return r.shows(node)
}

func (r *register) TakeCounts() []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.counted
	r.counted = 0
	return []int64{n}
}

func (r *register) AddCounts([]int64) bool { return true }

func (r *register) Open(_ context.Context, s targets.Session) (targets.Client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuses != nil {
		return nil, r.refuses
	}
	r.sessions = append(r.sessions, s)
	return &registerClient{r: r, text: s.Text, carried: s.Carried}, nil
}

type registerClient struct {
	r       *register
	text    func(string) history.Value
	carried targets.Carried
}

func (c *registerClient) Close() error { return nil }

func (c *registerClient) Carry() targets.Carried {
	if c.r.linger != nil {
		c.r.linger()
	}
	return c.carried
}

func (c *registerClient) Do(ctx context.Context, at int, txn *history.Txn) targets.Result {
	if c.r.block != nil {
		select {
		case <-c.r.block:
		case <-ctx.Done():
		}
	}
	runtime.Gosched()
	c.r.mu.Lock()
	c.r.counted++
	m := &txn.Mops[0]
	list := c.r.values[m.Key]
	switch {
	case m.Func == history.Write:
		c.r.values[m.Key] = append(list, m.Arg)
		c.carried.Token, c.carried.LastWrite = m.Arg.String(), time.Now()
	case m.Key == foreign:
		txn.SetRead(0, c.text("<b>somebody else's</b>"))
	case c.r.stale && len(list) > 1:
		txn.SetRead(0, list[len(list)-2])
	case len(list) > 0:
		txn.SetRead(0, list[len(list)-1])
	default:
		txn.SetRead(0, history.Absent)
	}
	c.r.mu.Unlock()
	runtime.Gosched()
	return targets.Result{Outcome: history.OK, Node: at}
}

// foreign is the key with a value that no client wrote.
const foreign = history.Key(99)
