package antientropy

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// disk is a store in memory.
type disk map[string]record.Record

func (d disk) Each(f func(key string, r record.Record) error) error {
	for _, key := range slices.Sorted(maps.Keys(d)) {
		if err := f(key, d[key]); err != nil {
			return err
		}
	}
	return nil
}

func (d disk) Get(key string) (record.Record, error) { return d[key], nil }

func (d disk) Purge(key string, v record.Version) error {
	if d[key].Version == v {
		delete(d, key)
	}
	return nil
}

func (d disk) apply(key string, r record.Record) error {
	if r.Compare(d[key]) > 0 {
		d[key] = r
	}
	return nil
}

// sim is a few replicas without goroutines, sockets and clocks: what happens next is drawn.
type sim struct {
	t       *testing.T
	rng     *rand.Rand
	now     time.Time
	names   []string
	disks   map[string]disk
	syncers map[string]*Syncer
	queue   []sent
	away    map[string]bool
	defects defect.Set
	writes  int64
}

type sent struct {
	from, to string
	body     []byte
}

func newSim(t *testing.T, seed uint64, nodes int, grace time.Duration) *sim {
	s := &sim{t: t, rng: rand.New(rand.NewPCG(seed, 3)), now: time.UnixMilli(1_800_000_000_000), disks: map[string]disk{}, syncers: map[string]*Syncer{}, away: map[string]bool{}}
	for i := range nodes {
		s.names = append(s.names, fmt.Sprint("n", i+1))
	}
	for _, name := range s.names {
		s.disks[name] = disk{}
		s.syncers[name] = New(Options{
			Self: name, Peers: slices.DeleteFunc(slices.Clone(s.names), func(n string) bool { return n == name }), Store: s.disks[name], Apply: s.disks[name].apply,
			Shared: func(key, a, b string) bool {
				r := s.replicas(key)
				return slices.Contains(r, a) && slices.Contains(r, b)
			}, Wall: func() time.Time { return s.now }, Interval: time.Second, Grace: grace, Defects: &s.defects, Logger: slog.New(slog.DiscardHandler),
			Send: func(to string, body []byte) error {
				if s.away[name] || s.away[to] {
					return errors.New("cut off")
				}
				s.queue = append(s.queue, sent{name, to, body})
				return nil
			},
		})
	}
	return s
}

// replicas are all nodes but one, which depends on the key, so that not all share all.
func (s *sim) replicas(key string) []string {
	if len(s.names) < 3 {
		return s.names
	}
	skip := leafOf(key) % len(s.names)
	return slices.Concat(s.names[:skip], s.names[skip+1:])
}

func (s *sim) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// deliver hands over the first message that is under way.
func (s *sim) deliver() {
	if len(s.queue) == 0 {
		return
	}
	m := s.queue[0]
	s.queue = s.queue[1:]
	if s.away[m.from] || s.away[m.to] {
		return
	}
	to := s.syncers[m.to]
	to.Receive(m.from, m.body)
	for range len(to.inbox) {
		e := <-to.inbox
		s.must(to.handle(e.from, e.m))
	}
}

// write puts a record on those replicas of its key that are there and are drawn, as writes do that some of them miss.
func (s *sim) write(key string, tombstone bool, on ...string) record.Record {
	s.writes++
	r := record.Record{Version: record.Version{Time: hlc.New(s.now.UnixMilli(), uint16(s.writes)), Node: "n1"}, Tombstone: tombstone}
	if !tombstone {
		r.Value = fmt.Append(nil, s.writes)
	}
	for _, name := range on {
		s.must(s.disks[name].apply(key, r))
	}
	return r
}

// settle lets everybody compare with everybody, with nobody away, until nobody finds a difference, or for so long that somebody should.
func (s *sim) settle() {
	clear(s.away)
	for range 60 {
		differences := 0
		for range len(s.names) - 1 { // each has had its turn with each
			for _, name := range s.names {
				s.must(s.syncers[name].Begin())
				differences--
			}
			for len(s.queue) > 0 {
				differences++
				s.deliver()
			}
		}
		if differences <= 0 {
			return
		}
	}
}

// newest is what must be on all replicas of a key in the end: the newest of what any of them has.
func (s *sim) newest(key string) record.Record {
	var out record.Record
	for _, name := range s.replicas(key) {
		if r := s.disks[name][key]; r.Compare(out) > 0 {
			out = r
		}
	}
	return out
}

// run draws writes, losses, absences and disks that come back empty, and reports the first replica that is wrong in the end.
func (s *sim) run(steps int) error {
	for range steps {
		s.now = s.now.Add(time.Duration(s.rng.IntN(20)) * time.Millisecond)
		key := fmt.Sprint("k", s.rng.IntN(300))
		name := s.names[s.rng.IntN(len(s.names))]
		switch p := s.rng.IntN(100); {
		case p < 50:
			on := slices.DeleteFunc(slices.Clone(s.replicas(key)), func(n string) bool { return s.away[n] || s.rng.IntN(4) == 0 })
			s.write(key, s.rng.IntN(4) == 0, on...)
		case p < 65:
			s.must(s.syncers[name].Begin())
		case p < 90:
			s.deliver()
		case p < 93:
			s.queue = nil
		case p < 97:
			s.away[name] = !s.away[name]
		case p < 98:
			clear(s.disks[name])
		default:
		}
	}
	want := map[string]record.Record{}
	for i := range 300 {
		key := fmt.Sprint("k", i)
		want[key] = s.newest(key)
	}
	s.settle()
	for key, r := range want {
		for _, name := range s.replicas(key) {
			if got := s.disks[name][key]; got.Compare(r) != 0 {
				return fmt.Errorf("in the end %s has %+v under %s, and the newest was %+v", name, got, key, r)
			}
		}
	}
	return nil
}

// Whatever was missed, lost on the way and lost with a disk: in the end every replica has the newest record that any replica had.
func TestReplicasConverge(t *testing.T) {
	for _, nodes := range []int{2, 3, 5} {
		for seed := range uint64(10) {
			if err := newSim(t, seed, nodes, 0).run(500); err != nil {
				t.Fatalf("%d nodes, seed %d: %v", nodes, seed, err)
			}
		}
	}
}

func TestTheSimulationFinds(t *testing.T) {
	for _, name := range []string{"stale-tree", "sync-skips-tombstones"} {
		var found error
		for seed := uint64(0); seed < 5 && found == nil; seed++ {
			s := newSim(t, seed, 3, 0)
			s.must(s.defects.Replace([]string{name}))
			found = s.run(500)
		}
		if found == nil {
			t.Errorf("%s: nothing was found in 5 seeds", name)
		}
	}
}

// A replica that was away while a key was deleted: what is there in the end. The rows differ in one thing each.
func TestTombstonesThatExpire(t *testing.T) {
	const grace = time.Minute
	for _, tc := range []struct {
		name   string
		grace  time.Duration
		away   time.Duration
		defect string
		back   bool
	}{
		{"away for less than the grace", grace, grace / 2, "", false},
		{"away for longer", grace, 2 * grace, "", true},
		{"away for longer, tombstones are kept for ever", 0, 2 * grace, "", false},
		{"away for less, purged too early", grace, grace / 2, "purge-early", true},
	} {
		s := newSim(t, 1, 2, tc.grace)
		if tc.defect != "" {
			s.must(s.defects.Replace([]string{tc.defect}))
		}
		s.write("k", false, "n1", "n2")
		s.away["n2"] = true
		s.write("k", true, "n1")
		s.now = s.now.Add(tc.away)
		s.must(s.syncers["n1"].Purge())
		s.settle()
		for _, n := range s.names {
			if got := s.disks[n]["k"].Live(); got != tc.back {
				t.Errorf("%s: at %s the key is there: %t, want %t", tc.name, n, got, tc.back)
			}
		}
	}
}

// Nodes that purge sooner and later do not give each other what has expired.
func TestExpiredTombstonesStayAway(t *testing.T) {
	s := newSim(t, 1, 2, time.Minute)
	s.write("k", true, "n1", "n2")
	s.now = s.now.Add(2 * time.Minute)
	s.must(s.syncers["n1"].Purge())
	s.settle()
	if _, there := s.disks["n1"]["k"]; there || s.syncers["n2"].stats.Sent.Load() > 0 {
		t.Errorf("n1 has %+v again; n2 sent %d records", s.disks["n1"]["k"], s.syncers["n2"].stats.Sent.Load())
	}
}

// Replicas that agree say so with one message; where one key differs, three more and its leaf go over the network.
func TestWhatIsSent(t *testing.T) {
	s := newSim(t, 1, 2, 0)
	for i := range 5000 {
		s.write(fmt.Sprint("k", i), false, s.names...)
	}
	messages := func() (n, bytes int) {
		s.must(s.syncers["n1"].Begin())
		for len(s.queue) > 0 {
			n, bytes = n+1, bytes+len(s.queue[0].body)
			s.deliver()
		}
		return n, bytes
	}
	if n, _ := messages(); n != 1 {
		t.Errorf("replicas that agree exchange %d messages", n)
	}
	s.write("k7", false, "n1")
	n, bytes := messages()
	if n > 6 || bytes > 8<<10 {
		t.Errorf("for one key of 5,000 there are %d messages with %d bytes", n, bytes)
	}
	if s.disks["n2"]["k7"].Compare(s.disks["n1"]["k7"]) != 0 {
		t.Error("and the key differs")
	}
	// More than one message has room for: the rest comes with the next ones.
	for i := range 2000 {
		s.write(fmt.Sprint("k", i), false, "n1")
	}
	s.settle()
	if !maps.EqualFunc(s.disks["n1"], s.disks["n2"], func(a, b record.Record) bool { return a.Compare(b) == 0 }) {
		t.Error("2,000 keys do not come over")
	}
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte(`{"level":3,"nodes":[{"at":4095,"hash":1}]}`))
	f.Add([]byte(`{"leaves":[1],"items":[{"key":"a","record":"AAAA"}]}`))
	f.Add([]byte(`{"level":-1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		s := newSim(t, 1, 2, 0)
		had := s.write("a", false, "n1")
		to := s.syncers["n1"]
		to.Receive("n2", body)
		for range len(to.inbox) {
			e := <-to.inbox
			_ = to.handle(e.from, e.m) // must not panic; what it says of nonsense is free
		}
		if r := s.disks["n1"]["a"]; r.Compare(had) < 0 {
			t.Fatalf("%q replaced a record by an older one", body)
		}
	})
}
