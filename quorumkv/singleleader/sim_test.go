package singleleader

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// sim is a cluster of loops without goroutines and sockets, in virtual time: what happens next is drawn. Messages of a link arrive in their
// order or are lost with all that are on their way, as by a connection that breaks. With slow links they may be held back for any time, and what
// was on its way in a connection that broke, or to a node before its restart, may come after what was sent later.
type sim struct {
	t       *testing.T
	rng     *rand.Rand
	names   []string
	loops   map[string]*loop
	dbs     map[string]*pebble.DB
	defects defect.Set
	links   map[[2]string][]message
	view    view
	search  *search
	pending map[*write]bool
	acked   []ack
	lost    string // the first acknowledged write that a later leader does not have
	fencing bool
	cut     string // a node that is cut off from the others and from the view, or none
	clocks  *rand.Rand
	now     time.Time
	slow    bool // whether messages may be late
	held    map[[2]string]bool
	late    []flight
	reads   int // how many were compared with what had been acknowledged
	old     string
}

// flight is a message that comes when it comes.
type flight struct {
	link [2]string
	m    message
}

// search is one for a new leader: nodes are asked one by one, with anything between.
type search struct {
	epoch     uint64
	known     view
	positions []message
	asked     []string
}

// ack is an acknowledged write at a level which is promised to survive.
type ack struct {
	key     string
	version record.Version
	index   uint64
	epoch   uint64
	at      time.Time
}

func newSim(t *testing.T, seed uint64, nodes int, fencing bool) *sim {
	s := &sim{t: t, rng: rand.New(rand.NewPCG(seed, 1)), clocks: rand.New(rand.NewPCG(seed, 2)), loops: map[string]*loop{}, dbs: map[string]*pebble.DB{}, links: map[[2]string][]message{},
		pending: map[*write]bool{}, fencing: fencing, now: time.UnixMilli(1_800_000_000_000), held: map[[2]string]bool{}}
	for i := range nodes {
		s.names = append(s.names, fmt.Sprint("n", i+1))
	}
	for _, n := range s.names {
		s.dbs[n] = openTestDB(t, vfs.NewMem(), "data")
		s.start(n)
	}
	return s
}

func (s *sim) close() {
	for _, db := range s.dbs {
		must(s.t, db.Close())
	}
}

// start starts a node from its disk.
func (s *sim) start(name string) {
	e := &Engine{names: s.names, records: newRecords(), node: engine.Node{Name: name, Logger: slog.New(slog.DiscardHandler), Defects: &s.defects},
		opts: Options{ElectionTimeout: time.Nanosecond, Failover: true, Fencing: s.fencing, MaxLag: simLag}}
	clock := time.Duration(s.clocks.IntN(100_000)) * time.Millisecond // monotonic clocks have nothing to do with each other
	e.now = func() time.Time {
		s.now = s.now.Add(1) // so that no two moments are the same
		return s.now.Add(clock)
	}
	l := newLoop(e, mustJournal(s.t, s.dbs[name]))
	l.out = func(to string, m message) error {
		if name == s.cut || to == s.cut {
			return errors.New("cut off")
		}
		m.from = name
		s.links[[2]string{name, to}] = append(s.links[[2]string{name, to}], m)
		return nil
	}
	s.loops[name] = l
	l.publish()
}

// hearsOfTheView stands for the way on which a node hears of a new view.
func hearsOfTheView(node string) [2]string { return [2]string{"view", node} }

// simLag is from when on a read at level max-lag is the leader's.
const simLag = 100 * time.Millisecond

func (s *sim) pick() string { return s.names[s.rng.IntN(len(s.names))] }

// step lets one thing happen.
func (s *sim) step(levels []string) {
	s.now = s.now.Add(time.Duration(s.clocks.IntN(4)) * time.Millisecond)
	name := s.pick()
	l := s.loops[name]
	if s.slow && s.rng.IntN(100) == 0 {
		link := [2]string{name, s.pick()}
		if s.rng.IntN(3) == 0 {
			link = hearsOfTheView(name)
		}
		s.held[link] = !s.held[link]
	}
	switch p := s.rng.IntN(1000); {
	case p < 600:
		s.deliver()
	case p < 700:
		s.write(s.aLeader(l), levels[s.rng.IntN(len(levels))])
	case p < 800:
		l.flush()
	case p < 850:
		s.resend(l)
	case p < 865: // connections break
		link := [2]string{name, s.pick()}
		s.lose(link)
	case p < 870:
		s.isolate()
	case p < 880:
		s.restart(name)
	case p < 960:
		if s.view.Epoch > l.view.Epoch && name != s.cut && !s.held[hearsOfTheView(name)] {
			l.adopt(s.view)
		}
	default:
		s.elect()
	}
	must(s.t, l.fatal)
	s.collect()
	s.inspect()
}

func (s *sim) deliver() {
	full := slices.SortedFunc(maps.Keys(s.links), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	full = slices.DeleteFunc(full, func(l [2]string) bool { return len(s.links[l]) == 0 || s.held[l] })
	if len(s.late) > 0 && s.rng.IntN(10) == 0 {
		i := s.rng.IntN(len(s.late))
		f := s.late[i]
		s.late = slices.Delete(s.late, i, i+1)
		s.hand(f.link, f.m)
		return
	}
	if len(full) == 0 {
		return
	}
	link := full[s.rng.IntN(len(full))]
	m := s.links[link][0]
	s.links[link] = s.links[link][1:]
	s.hand(link, m)
}

// lose loses what is on its way, or with slow links some of it, and has the rest come whenever that is.
func (s *sim) lose(link [2]string) {
	for _, m := range s.links[link] {
		if s.slow && s.rng.IntN(3) == 0 {
			s.late = append(s.late, flight{link, m})
		}
	}
	s.links[link] = nil
}

func (s *sim) hand(link [2]string, m message) {
	to := s.loops[link[1]]
	// By its binary form, as on a wire.
	parsed, err := parseMessage(m.marshal())
	must(s.t, err)
	parsed.from = link[0]
	to.received(parsed)
	must(s.t, to.fatal)
}

// aLeader is one of those that lead, or otherwise if none does.
func (s *sim) aLeader(otherwise *loop) *loop {
	var leaders []*loop
	for _, n := range s.names {
		if s.loops[n].leading {
			leaders = append(leaders, s.loops[n])
		}
	}
	if len(leaders) == 0 {
		return otherwise
	}
	return leaders[s.rng.IntN(len(leaders))]
}

func (s *sim) write(l *loop, level string) {
	if !l.leading {
		return
	}
	w := &write{req: engine.WriteRequest{Key: fmt.Sprint("k", s.rng.IntN(3)), Value: []byte(level), Level: level}, need: writeLevels()[level], done: make(chan written, 1)}
	l.propose(w)
	s.pending[w] = true
}

// resend is what a leader does at a tick when nothing was confirmed for long.
func (s *sim) resend(l *loop) {
	if !l.leading {
		return
	}
	for _, name := range s.names {
		if f, ok := l.followers[name]; ok {
			f.next = f.match + 1
			l.ship(name, f, true)
		}
	}
}

func (s *sim) restart(name string) {
	for _, n := range s.names {
		s.lose([2]string{n, name})
		s.lose([2]string{name, n})
	}
	s.start(name)
}

// isolate cuts a leader off for a while, or heals it.
func (s *sim) isolate() {
	if s.cut != "" {
		s.cut = ""
		return
	}
	s.cut = s.aLeader(s.loops[s.pick()]).e.node.Name
	for link := range s.links {
		if link[0] == s.cut || link[1] == s.cut {
			s.lose(link)
		}
	}
}

// elect goes on with the search for a leader, or begins one, or gives one up.
func (s *sim) elect() {
	if s.search == nil && s.view.Epoch > 0 && s.rng.IntN(6) > 0 {
		return
	}
	if s.search == nil || s.rng.IntN(20) == 0 {
		s.search = &search{epoch: s.view.Epoch + 1, known: s.view}
		return
	}
	name := s.pick()
	if name == s.cut || slices.Contains(s.search.asked, name) {
		return
	}
	s.search.asked = append(s.search.asked, name)
	if m := s.loops[name].asked(message{Kind: kindAsk, Epoch: s.search.epoch}); m.OK {
		m.from = name
		s.search.positions = append(s.search.positions, m)
	}
	if len(s.search.positions) < len(s.names)/2+1 {
		return
	}
	if s.view == s.search.known { // compare-and-set
		s.view = view{Epoch: s.search.epoch, Leader: furthest(s.search.positions)}
	}
	s.search = nil
}

// collect takes the answers of writes.
func (s *sim) collect() {
	for w := range s.pending {
		select {
		case out := <-w.done:
			delete(s.pending, w)
			if out.err != nil {
				continue
			}
			v := out.res.Version
			if Keeps(w.req.Level, len(s.names)) {
				s.acked = append(s.acked, ack{w.req.Key, v, w.index, uint64(v.Time) >> epochShift, s.now})
			}
		default:
		}
	}
}

// inspect looks whether leaders that may answer have all that was acknowledged before their time.
func (s *sim) inspect() {
	for _, name := range s.names {
		l := s.loops[name]
		l.publish()
		s.compare(name, l)
		if l.applied > l.log.last() || l.log.synced > l.log.last() {
			s.t.Fatalf("%s: %d count, %d are synced, %d are there", name, l.applied, l.log.synced, l.log.last())
		}
		if !l.leading || l.applied < l.mark || l.view != s.view {
			continue
		}
		for _, a := range s.acked {
			if a.epoch > l.view.Epoch {
				continue
			}
			if a.index > l.applied || l.log.at(a.index).version(a.index) != a.version {
				s.lost = fmt.Sprintf("%s leads in epoch %d without %+v", name, l.view.Epoch, a)
			}
			if have := l.e.records.get(a.key); s.lost == "" && have.Version.Compare(a.version) < 0 {
				s.lost = fmt.Sprintf("%s shows version %+v of %s after %+v was acknowledged", name, have.Version, a.key, a.version)
			}
		}
	}
}

// compare looks whether a node that does not think that it lags shows what was acknowledged longer ago than it may lag.
func (s *sim) compare(name string, l *loop) {
	if l.e.lags() {
		return
	}
	for _, a := range s.acked {
		if age := s.now.Sub(a.at); age > simLag {
			s.reads++
			if l.e.records.get(a.key).Version.Compare(a.version) < 0 && s.old == "" {
				s.old = fmt.Sprintf("%s, which leads: %t, in epoch %d of %d, shows %s without %+v, of %s ago", name, l.leading, l.view.Epoch, s.view.Epoch, a.key, a.version, age)
			}
		}
	}
}

// run reports what was lost, if anything, how many writes that must not be lost were acknowledged, and the last epoch.
func (s *sim) run(steps int, levels ...string) (acked int, epoch uint64, err error) {
	defer s.close()
	for range steps {
		s.step(levels)
		if s.lost != "" {
			return len(s.acked), s.view.Epoch, errors.New(s.lost)
		}
	}
	return len(s.acked), s.view.Epoch, nil
}

// Whatever is lost, restarted and overtaken: with fencing nothing is lost that was acknowledged at a level which keeps it.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	for _, tc := range []struct {
		nodes  int
		levels []string
	}{
		{3, []string{LevelSemiSync}},
		{3, []string{LevelSemiSync, LevelAsync, LevelSync}},
		{4, []string{LevelSemiSync, LevelAsync}},
		{5, []string{LevelSync, LevelAsync}},
		{2, []string{LevelSemiSync}},
	} {
		acked, epochs := 0, uint64(0)
		for seed := range uint64(60) {
			n, epoch, err := newSim(t, seed, tc.nodes, true).run(600, tc.levels...)
			if err != nil {
				t.Fatalf("%d nodes, %v, seed %d: %v", tc.nodes, tc.levels, seed, err)
			}
			acked, epochs = acked+n, epochs+epoch
		}
		if acked < 150 || epochs < 100 {
			t.Errorf("%d nodes, %v: only %d acknowledged writes in %d epochs: nothing was tried", tc.nodes, tc.levels, acked, epochs)
		}
	}
}

// The same search finds what is lost where something is: without fencing, and with each defect that loses writes.
func TestTheSimulationFindsLosses(t *testing.T) {
	for name, tc := range map[string]struct {
		fencing bool
		defect  string
		nodes   int
	}{
		"without fencing":    {false, "", 3},
		"keep-diverged-tail": {true, "keep-diverged-tail", 3},
	} {
		found := false
		for seed := uint64(0); seed < 300 && !found; seed++ {
			s := newSim(t, seed, tc.nodes, tc.fencing)
			if tc.defect != "" {
				must(t, s.defects.Replace([]string{tc.defect}))
			}
			_, _, err := s.run(600, LevelSemiSync, LevelAsync)
			found = err != nil
		}
		if !found {
			t.Errorf("%s: nothing was found in 300 seeds", name)
		}
	}
}

// TestMaxLag: however long messages are held back, lost, and overtaken by later ones, whoever leads and is deposed meanwhile: a read at level max-lag is at most max_lag old.
func TestMaxLag(t *testing.T) {
	for _, nodes := range []int{2, 3, 4, 5} {
		level, reads, epochs := LevelSemiSync, 0, uint64(0)
		if nodes > 4 {
			level = LevelSync
		}
		for seed := range uint64(60) {
			s := newSim(t, seed, nodes, true)
			s.slow = true
			_, epoch, err := s.run(1500, level, LevelAsync)
			if err == nil && s.old != "" {
				err = errors.New(s.old)
			}
			if err != nil {
				t.Fatalf("%d nodes, seed %d: %v", nodes, seed, err)
			}
			reads, epochs = reads+s.reads, epochs+epoch
		}
		t.Logf("%d nodes: %d reads in %d epochs", nodes, reads, epochs)
		if reads < 1000 || epochs < 200 {
			t.Errorf("%d nodes: only %d reads in %d epochs: nothing was tried", nodes, reads, epochs)
		}
	}
}

// The same search finds old reads where there are some: with the defect, and without fencing.
func TestTheSimulationFindsOldReads(t *testing.T) {
	for _, tc := range []struct {
		fencing bool
		defects []string
	}{{true, []string{"lag-looks-zero"}}, {false, nil}} {
		found := false
		for seed := uint64(0); seed < 100 && !found; seed++ {
			s := newSim(t, seed, 3, tc.fencing)
			s.slow = true
			must(t, s.defects.Replace(tc.defects))
			_, _, _ = s.run(1500, LevelSemiSync)
			found = s.old != ""
		}
		if !found {
			t.Errorf("fencing %t, defects %v: nothing was found in 100 seeds", tc.fencing, tc.defects)
		}
	}
}
