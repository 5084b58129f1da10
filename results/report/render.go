package report

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/figures"
	"github.com/lapse-test/lapse/results/picture"
	"github.com/lapse-test/lapse/results/store"
)

// Write draws the report of the run in dir.
func Write(w io.Writer, dir store.Dir) error {
	s, err := Load(dir)
	if err != nil {
		return err
	}
	return errors.Join(Render(w, s), s.Close())
}

// Render draws s. It fails only when w does or the history is not that of the
// summary.
func Render(w io.Writer, s *Source) error {
	p := &page{
		Source: s, CSS: styleText + picture.Style(), JS: scriptText,
		Policy:    Policy(),
		Reproduce: s.Summary.Command, Again: s.Summary.Reproduce, Glossary: glossary(s.Summary.Verdicts),
	}
	if p.Reproduce == "" {
		p.Reproduce, p.Again = p.Again, ""
	}
	p.headline()
	p.tables()
	p.Implied, p.Stale = implied(&s.Summary.Assessment), staleOf(s.Summary.Staleness)
	if s.History != nil {
		if err := p.operations(s.History); err != nil {
			return err
		}
	}
	if err := runPage(p).Render(context.Background(), w); err != nil {
		return fmt.Errorf("drawing the report: %w", err)
	}
	return nil
}

// operations draws all that is about the operations of o, in two walks over them: what is measured, then those that are shown.
func (p *page) operations(o history.Ordered) error {
	h := o.About()
	phases, shards, bins, dots := figures.NewPhaseMeter(o), figures.NewShardMeter(o), newBinMeter(o), newDotMeter(o)
	sampler := newSampler(o, p.Summary.Verdicts, maxEmbedded)
	if err := figures.Take(o, phases, shards, bins, dots, sampler); err != nil {
		return fmt.Errorf("measuring the run: %w", err)
	}
	p.Figures, p.Shards, p.Measures = phases.Phases(), shards.Shards(), figures.Measures(h)
	if o.Count() > 0 {
		b := bins.all()
		p.Charts, p.Series = charts(h, b, dots), seriesFile(b)
	}
	if c := lagChart(h, bins.length, bins.loadEnd); c != nil {
		p.Charts = append(p.Charts, *c)
	}
	for i := range h.Faults {
		p.FaultRows = append(p.FaultRows, faultLine(&h.Faults[i]))
	}
	p.Phases = happened(h)

	shown, places, note, err := sampler.sample(o)
	if err != nil {
		return fmt.Errorf("choosing what is shown of the run: %w", err)
	}
	a := p.Summary.Renumbered(among(places))
	p.witnesses(shown, a.Verdicts)
	p.Timeline, err = embed(shown, o.Count(), bins.length, note, &a)
	return err
}

// among tells where operations are among those that were picked at places, of which they are some.
func among(places []int) func(op int) int {
	return func(op int) int { n, _ := slices.BinarySearch(places, op); return n }
}

// RenderSuite draws the report of a suite: what blocks, every claim in its matrix,
// and the proof of each that was seen to break. It fails only when w does.
func RenderSuite(w io.Writer, s *SuiteSource) error {
	p := &suitePage{
		SuiteResult: s.Result, CSS: styleText + picture.Style(), JS: suiteScript,
		Policy: SuitePolicy(), Judge: "lapse gate --results " + s.Result.ID,
	}
	p.proofs(s)
	p.findings()
	p.headline()
	p.matrices()
	p.rows(s)
	p.glossary()
	if err := suiteReport(p).Render(context.Background(), w); err != nil {
		return fmt.Errorf("drawing the report of suite %s: %w", s.Result.ID, err)
	}
	return nil
}
