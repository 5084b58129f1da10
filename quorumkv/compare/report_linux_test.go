package compare

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report collects what was measured.
type report struct {
	systems []*system
	about   string
	loads   map[*system]map[string][]measured
	memory  map[*system][][]int // round by round, the peak of each process
}

func newReport(all []*system, about string) *report {
	r := &report{systems: all, about: about, loads: map[*system]map[string][]measured{}, memory: map[*system][][]int{}}
	for _, s := range all {
		r.loads[s] = map[string][]measured{}
	}
	return r
}

func (r *report) add(s *system, kind load, m measured) {
	r.loads[s][kind.name] = append(r.loads[s][kind.name], m)
}

func (r *report) addMemory(s *system, peaks []int) { r.memory[s] = append(r.memory[s], peaks) }

// failures are how many requests failed in all, and the first error.
func (r *report) failures() (n int, first error) {
	for _, of := range r.loads {
		for _, ms := range of {
			for _, m := range ms {
				n += m.failed
				if first == nil {
					first = m.first
				}
			}
		}
	}
	return n, first
}

// median is that of f over rounds.
func median[M any, V int | float64 | time.Duration](ms []M, f func(M) V) V {
	all := make([]V, 0, len(ms))
	for _, m := range ms {
		all = append(all, f(m))
	}
	slices.Sort(all)
	if len(all) == 0 {
		return 0
	}
	return all[len(all)/2]
}

func (r *report) print(to io.Writer) {
	fmt.Fprintf(to, "\n%s; %s after\n", r.about, loadAverage())
	fmt.Fprintf(to, "%d nodes, %d workers, %d keys, values of %d bytes, every acknowledged write synced; medians of the rounds, processor time of one request\n\n", nodes, workers, keys, valueSize)
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "load\tsystem\trequests/s\tleast-most\tservers µs\tclients µs\tp50 ms\tp99 ms\tfailed\t")
	for _, kind := range loads {
		for _, s := range r.systems {
			ms := r.loads[s][kind.name]
			rate := func(m measured) float64 { return m.rate }
			low, high := slices.MinFunc(ms, byRate), slices.MaxFunc(ms, byRate)
			failed := 0
			for _, m := range ms {
				failed += m.failed
			}
			fmt.Fprintf(w, "%s\t%s\t%.0f\t%.0f-%.0f\t%.1f\t%.1f\t%.2f\t%.2f\t%d\t\n", kind.name, s.name, median(ms, rate), low.rate, high.rate,
				micros(median(ms, func(m measured) time.Duration { return m.servers })), micros(median(ms, func(m measured) time.Duration { return m.clients })),
				micros(median(ms, func(m measured) time.Duration { return m.p50 }))/1000, micros(median(ms, func(m measured) time.Duration { return m.p99 }))/1000, failed)
		}
	}
	_ = w.Flush() // to a terminal
	fmt.Fprintln(to)
	for _, s := range r.systems {
		fmt.Fprintf(to, "%s: %s (of %s); peak memory of its processes %s MB\n", s.name, s.way.name, strings.Join(s.tried, ", "), r.peaks(s))
	}
	if len(r.systems) < 2 {
		return
	}
	against := r.systems[len(r.systems)-1]
	fmt.Fprintf(to, "\nratios to %s, medians of those of each round\n", against.name)
	w = tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "load\tsystem\trequests/s\tprocessor time of servers\tof servers and clients\t")
	for _, kind := range loads {
		for _, s := range r.systems[:len(r.systems)-1] {
			r.ratios(w, kind, s, against)
		}
	}
	_ = w.Flush() // to a terminal
	for _, s := range r.systems[:len(r.systems)-1] {
		fmt.Fprintf(to, "peak memory of %s: %.2f\n", s.name, float64(median(r.memory[s], sum))/float64(median(r.memory[against], sum)))
	}
}

func byRate(a, b measured) int { return int(a.rate - b.rate) }

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// peaks are the most of any round, process by process.
func (r *report) peaks(s *system) string {
	var most []string
	for i := range nodes {
		most = append(most, fmt.Sprintf("%.0f", float64(slices.MaxFunc(r.memory[s], func(a, b []int) int { return a[i] - b[i] })[i])/1e6))
	}
	return strings.Join(most, ", ")
}

// ratios are medians of those of each round, in which one came soon after the other.
func (r *report) ratios(to io.Writer, kind load, s, against *system) {
	type pair struct{ a, b measured }
	var pairs []pair
	for i, m := range r.loads[s][kind.name] {
		pairs = append(pairs, pair{m, r.loads[against][kind.name][i]})
	}
	fmt.Fprintf(to, "%s\t%s\t%.2f\t%.2f\t%.2f\t\n", kind.name, s.name, median(pairs, func(p pair) float64 { return p.a.rate / p.b.rate }),
		median(pairs, func(p pair) float64 { return float64(p.a.servers) / float64(p.b.servers) }),
		median(pairs, func(p pair) float64 { return float64(p.a.servers+p.a.clients) / float64(p.b.servers+p.b.clients) }))
}

func sum(peaks []int) (n int) {
	for _, p := range peaks {
		n += p
	}
	return n
}
