package session

import (
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/internal/serial"
)

// Where a key does not say who read from whom, the direct cases that were found stand, and
// so do the contradictions between the values that were written once, which name their
// writes all the same. That there are none proves nothing: the guarantee holds if it does
// for some choice of sources. A few likely ones are tried.

// probed is a worker for trials on the side.
func (w *worker) probed() *worker {
	if w.probe == nil {
		w.probe = &worker{}
		w.probe.begin(w.job)
	}
	p := w.probe
	for i := range p.states {
		p.states[i].key = 0
	}
	p.Bad, p.found = 0, w.nothing()
	return p
}

// named judges what the values of key number n say that were written once, and tells
// whether that refutes the guarantee.
func (w *worker) named(n int) bool {
	p := w.probed()
	w.loadNamed(n, &p.key, &w.from)
	p.decide(n)
	for _, f := range p.found.List() {
		f.named = true
		w.found.Add(f)
	}
	w.Bad += p.Bad
	return p.Bad > 0
}

// loadNamed brings what is said by the values of key number n that were written once into k.
func (r *job) loadNamed(n int, k *register.Key, from *register.Sources) {
	r.set.Load(n, k)
	k.Name()
	r.resolve(k, from)
}

// anyChoice tells whether some choice of sources of key number n was found that
// satisfies the guarantee.
func (w *worker) anyChoice(n int) bool {
	set := w.set.Only(n)
	satisfies := func(from register.Sources) bool {
		p := w.probed()
		w.set.Load(n, &p.key)
		p.key.Resolve(from)
		p.decide(n)
		return p.Bad == 0
	}
	stop := w.Stop
	positions := 4*w.set.Len(n) + 1<<14
	if a := serial.Search(set, serial.Options{RealTime: true, Positions: positions, Stop: stop}); a.Result == serial.Found && satisfies(a.Sources) {
		return true
	}
	if w.from == nil {
		w.from = make(register.Sources, len(w.H.Ops))
	}
	for _, g := range register.Guesses() {
		if stop() {
			return false
		}
		p := w.probed()
		w.set.Load(n, &p.key)
		p.key.Guess(w.H, g, w.from)
		if satisfies(w.from) {
			return true
		}
	}
	return false
}

// load brings key number n into k. Where values were written several times, but none of
// those was read, every operation still names what it read from.
func (r *job) load(n int, k *register.Key, from *register.Sources) {
	r.set.Load(n, k)
	if k.Unique || k.Open() > 0 {
		return
	}
	r.resolve(k, from)
}

// resolve gives every write of k, of which no operation that saw something is open, a value
// of its own.
func (r *job) resolve(k *register.Key, from *register.Sources) {
	if *from == nil {
		*from = make(register.Sources, len(r.H.Ops))
	}
	k.Guess(r.H, register.Newest, *from)
	k.Resolve(*from)
}
