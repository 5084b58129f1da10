package history

// WithObserver has see get the operations that ended, as each flush writes them: as a
// history of them alone with the names, faults and events so far, which is valid until see
// returns. It is called by one goroutine at a time; the file waits for it.
func WithObserver(see func(*History)) Option {
	return func(r *Recorder) { r.observer = &observer{see: see, faults: map[int]int{}} }
}

// observer collects flushed operations for a caller that watches the recording.
type observer struct {
	see    func(*History)
	h      History
	faults map[int]int
}

// show shows what a flush wrote.
func (o *observer) show(r *Recorder, faults []Fault, events []Event, ready *batch) {
	if o == nil {
		return
	}
	for _, f := range faults {
		o.h.addFault(f, o.faults)
	}
	o.h.Events = append(o.h.Events, events...)
	if len(ready.ops) == 0 {
		return
	}
	o.h.Header = r.header
	o.h.Strings, o.h.Texts = r.names.since(0, 0)
	o.h.Ops, o.h.mops, o.h.lists = ready.ops, ready.mops, ready.lists
	o.see(&o.h)
}
