package nemesis

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// Config has all that a schedule depends on: the same Config, the same schedule.
type Config struct {
	// Seed is that of the run.
	Seed uint64
	// Faults are names of the catalogue; see Parse.
	Faults []string
	// Nodes are the cluster's nodes.
	Nodes []string
	// Abilities are those of the target. A fault that needs more is refused, and
	// left out of a mix.
	Abilities []ability.Ability
	// Lacks is why the target has not an ability that is not among them, and the way out,
	// as the end of a sentence; empty where there is nothing to say. It may be nil.
	Lacks func(ability.Ability) string
	// External says that lapse did not start the nodes, so that only what Operator
	// has commands for can be done; Operator may be nil.
	External bool
	Operator *cluster.Operator
	// Talks says which links carry something; nil: all of them. The first node is
	// taken for the primary.
	Talks Talks
	// Unmet is why nodes and the network between them have not a capability there, as the
	// end of a sentence; empty means that they have. It may be nil: they have all. It is not
	// asked about an external cluster.
	Unmet func(cluster.Capability) string
	// Duration is how long the load goes on.
	Duration time.Duration
	// Interval is the time from one injection to the next in a lane (there is
	// one lane, or two when faults are mixed); Hold is how long a fault lasts.
	// Both vary by a seeded tenth or two. The defaults give a run three windows,
	// or one for each fault asked for if those then have two seconds each, and
	// long runs one every ten seconds; a fault lasts 60 % of the interval, 80 %
	// when faults are mixed.
	Interval, Hold time.Duration
	// Quiet is the time before the first fault: 0 means a tenth of the
	// duration, at most two seconds. The same is kept free at the end, so that
	// what follows the last fault is seen too.
	Quiet time.Duration
	// Mode is OneAtATime if empty.
	Mode Mode
	// Detection is how the database finds out that a node is gone; After 0 means that
	// it is not known to. Where neither Interval nor Hold is set and there is time,
	// faults that last longer than After take turns with faults that do not.
	Detection history.Detection
}

// has tells whether the target has an ability.
func (c *Config) has(a ability.Ability) bool { return slices.Contains(c.Abilities, a) }

// NewSchedule makes the schedule: a pure function of cfg. Every fault asked for has its
// turn before any of them comes again.
func NewSchedule(cfg Config) (Schedule, error) {
	if cfg.Mode == "" {
		cfg.Mode = OneAtATime
	}
	s := Schedule{
		Version: scheduleVersion, Seed: cfg.Seed, Mode: cfg.Mode,
		Nodes: slices.Clone(cfg.Nodes), Faults: slices.Clone(cfg.Faults),
		Duration: cfg.Duration, Detection: cfg.detection(), Steps: []Step{},
	}
	if err := s.Validate(); err != nil {
		return Schedule{}, err
	}
	if len(cfg.Faults) == 0 {
		return s, nil
	}
	t, err := newTiming(cfg)
	if err != nil {
		return Schedule{}, err
	}
	p := planner{cfg: cfg, r: planStream("lapse nemesis 1 ", cfg.Seed), interval: t.interval, grips: map[string]grip{}}
	for _, k := range catalogue() {
		p.grips[k.Name] = k.grip
	}
	for _, name := range cfg.Faults {
		b, err := newBag(name, cfg)
		if err != nil {
			return Schedule{}, err
		}
		p.bags = append(p.bags, b)
	}
	slots := t.slots(cfg)
	p.uneven = hasBoth(slots)
	for _, slot := range slots {
		p.add(slot)
	}
	if len(p.steps) == 0 {
		return Schedule{}, usagef("faults: no window of %s fits between %s and %s of a run of %s; make the run longer or the interval shorter",
			t.hold, t.quiet, t.end, cfg.Duration)
	}
	slices.SortStableFunc(p.steps, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
	s.Steps = p.steps
	return s, s.Validate()
}

// planStream is where all chance in a schedule comes from: ChaCha8 keyed with a
// hash of the seed, so that neighbouring seeds have nothing in common, neither
// with each other nor with the streams of the workers. What is drawn for another
// purpose has another stream.
func planStream(purpose string, seed uint64) *rand.Rand {
	return rand.New(rand.NewChaCha8(sha256.Sum256(binary.BigEndian.AppendUint64([]byte(purpose), seed))))
}

// timing is where windows may lie.
type timing struct {
	quiet, end, interval, hold time.Duration
}

func newTiming(cfg Config) (timing, error) {
	const (
		longestQuiet, longestInterval = 2 * time.Second, 10 * time.Second
		fewestWindows                 = 3
		comfortable                   = 2 * time.Second
		shortest                      = time.Second
	)
	if cfg.Duration < shortest {
		return timing{}, usagef("faults: a run of %s is too short for them; it must last at least %s", cfg.Duration, shortest)
	}
	if cfg.Interval < 0 || cfg.Hold < 0 || cfg.Quiet < 0 {
		return timing{}, usagef("faults: interval, hold and lead-in must not be negative")
	}
	margin := min(cfg.Duration/10, longestQuiet)
	t := timing{quiet: cfg.Quiet, end: cfg.Duration - margin, interval: cfg.Interval, hold: cfg.Hold}
	if t.quiet == 0 {
		t.quiet = margin
	}
	part, whole := holdPart(cfg.Mode), time.Duration(10)
	if t.interval == 0 && t.hold > 0 {
		t.interval = t.hold * whole / part
	}
	if t.interval == 0 {
		room := t.end - t.quiet
		windows := max(fewestWindows, min(time.Duration(len(cfg.Faults)), room/comfortable))
		t.interval = min(room/windows, longestInterval)
	}
	if t.hold == 0 {
		t.hold = t.interval * part / whole
	}
	if t.interval <= 0 || t.hold < time.Millisecond {
		return timing{}, usagef("faults: with a lead-in of %s a run of %s has no room for faults", t.quiet, cfg.Duration)
	}
	if t.hold >= t.interval {
		return timing{}, usagef("faults: a fault that holds for %s does not fit into an interval of %s; the interval must be longer", t.hold, t.interval)
	}
	return t, nil
}

// holdPart is how many tenths of an interval a fault lasts.
func holdPart(m Mode) time.Duration {
	if m == Mixed {
		return 8
	}
	return 6
}

// bag deals out what a name stands for: itself, or the parts of a mix, each
// once before any comes again.
type bag struct {
	kinds, left []kind
}

func newBag(name string, cfg Config) (*bag, error) {
	k, err := find(name)
	if err != nil {
		return nil, err
	}
	if err := k.fits(len(cfg.Nodes), cfg.has, cfg.Lacks); err != nil {
		return nil, err
	}
	refused := func(k *kind) error {
		switch {
		case k.Removal != "":
			return k.supervised(cfg.Operator)
		case cfg.External:
			return k.operated(cfg.Nodes, cfg.Operator)
		case cfg.Unmet == nil:
			return nil
		}
		for _, c := range k.Capabilities {
			if why := cfg.Unmet(c); why != "" {
				return usagef("fault %s needs %s, %s", k.Name, c.Meaning(), why)
			}
		}
		return nil
	}
	if k.mix == nil {
		if err := refused(&k); err != nil {
			return nil, err
		}
		return &bag{kinds: []kind{k}}, nil
	}
	b := &bag{}
	var why error
	for _, part := range k.mix {
		k, err := find(part)
		if err != nil {
			return nil, err
		}
		if k.fits(len(cfg.Nodes), cfg.has, nil) != nil {
			continue
		}
		if err := refused(&k); err != nil {
			why = cmp.Or(why, err)
			continue
		}
		b.kinds = append(b.kinds, k)
	}
	if len(b.kinds) == 0 && why != nil {
		return nil, why
	}
	return b, nil
}

func (b *bag) deal(r *rand.Rand) kind {
	if len(b.left) == 0 {
		b.left = slices.Clone(b.kinds)
		r.Shuffle(len(b.left), func(i, j int) { b.left[i], b.left[j] = b.left[j], b.left[i] })
	}
	k := b.left[len(b.left)-1]
	b.left = b.left[:len(b.left)-1]
	return k
}

// back takes a kind back that found no place, so that it comes next.
func (b *bag) back(k kind) { b.left = append(b.left, k) }

type planner struct {
	cfg   Config
	r     *rand.Rand
	bags  []*bag
	left  []*bag
	steps []Step
	// interval is that of the schedule.
	interval time.Duration
	// grips are those of the faults by their names.
	grips map[string]grip
	// uneven: some slots outlast the database's failure detection and some do not;
	// outlasted: a fault that it notices has one of the former.
	uneven, outlasted bool
}

// add puts one step into a slot.
func (p *planner) add(t slot) {
	if len(p.left) == 0 {
		p.left = slices.Clone(p.bags)
		p.r.Shuffle(len(p.left), func(i, j int) { p.left[i], p.left[j] = p.left[j], p.left[i] })
	}
	at := p.next(t)
	b := p.left[at]
	p.left = slices.Delete(p.left, at, at+1)
	k := b.deal(p.r)

	gap := t.interval - t.hold
	delay := scale(gap, p.r.Float64()*0.3)
	hold := min(scale(t.hold, 0.85+0.3*p.r.Float64()), t.interval-delay-gap/5)
	// At most a few tries: where nothing can take effect the interval stays empty,
	// and the fault has its turn in the next one.
	const tries = 16
	for range tries {
		s := Step{At: (t.start + delay).Truncate(time.Millisecond), Hold: max(hold.Truncate(time.Millisecond), time.Millisecond), Fault: k.Name}
		k.pick(p.r, p.cfg.Nodes, &s)
		if k.serves(&s, p.cfg.has, nil) == nil && !p.clashes(&s) {
			p.steps = append(p.steps, s)
			return
		}
	}
	b.back(k)
	p.left = append(p.left, b)
}

// next is the bag whose turn it is: the last one. Until some fault that the database
// notices has a place that outlasts its failure detection, such places are for those
// that it notices and others for those that it does not.
func (p *planner) next(t slot) int {
	last := len(p.left) - 1
	if !p.uneven || p.outlasted {
		return last
	}
	for i := last; i >= 0; i-- {
		if k := p.left[i].kinds; len(k) > 0 && k[0].Detected == t.outlasts {
			last = i
			break
		}
	}
	k := p.left[last].kinds
	p.outlasted = t.outlasts && len(k) > 0 && k[0].Detected
	return last
}

func scale(d time.Duration, by float64) time.Duration { return time.Duration(float64(d) * by) }
