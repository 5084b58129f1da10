package report

import (
	"context"
	"fmt"
	"io"

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
	return Render(w, s)
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
	if h := s.History; h != nil {
		p.witnesses(h)
		p.Figures = figures.PhasesOf(h)
		p.Charts, p.Series = charts(h), seriesFile(h)
		if c := lagChart(h); c != nil {
			p.Charts = append(p.Charts, *c)
		}
		p.Shards, p.Measures = figures.Shards(h), figures.Measures(h)
		for i := range h.Faults {
			p.FaultRows = append(p.FaultRows, faultLine(&h.Faults[i]))
		}
		p.Phases = happened(h)
		t, err := embed(h, s.Summary.Verdicts)
		if err != nil {
			return err
		}
		p.Timeline = t
	}
	if err := runPage(p).Render(context.Background(), w); err != nil {
		return fmt.Errorf("drawing the report: %w", err)
	}
	return nil
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
