package runs

import (
	"maps"
	"time"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/workloads"
)

// The load of a preset that is hard: several times the default rate on a few keys, so
// that operations meet each other wherever a fault is. A run shorter than shortRun takes
// twice the keys: most operations fail while faults cut it up, and of four keys so few had a
// write acknowledged before they were replaced that their final reads decided nothing.
const (
	hardRate      = 800
	hardKeys      = 4
	hardKeysShort = 8
	shortRun      = 20 * time.Second
)

// applyPreset sets what the preset of faults, if one was named, says of other settings
// that nobody gave, and returns what of it cannot be, whoever gave what. A value that was given stands, also
// where it is the default.
func applyPreset(r *Request, info targets.Info) ([]history.LeftOut, error) {
	preset, named := nemesis.PresetNamed(r.Faults)
	if !named || r.Script != "" {
		return nil, nil
	}
	if r.Open(&r.FaultMode) {
		r.FaultMode = string(preset.Mode)
	}
	if !preset.Hard {
		return nil, nil
	}
	w, err := workloads.ByName(r.Workload)
	if err != nil {
		return nil, targets.Usagef("--workload: %v", err)
	}
	if r.Open(&r.Rate) {
		r.Rate = hardRate
	}
	glance, deletes := workloads.Hardens(w, info.Funcs)
	if r.Open(&r.Keys) && glance {
		r.Keys = hardKeys
		if r.Duration < shortRun {
			r.Keys = hardKeysShort
		}
	}
	var left []history.LeftOut
	switch {
	case r.Open(&r.Linger) && glance:
		r.Linger = harness.LingerOn
	case r.Linger == harness.LingerAuto && !glance:
		left = append(left, history.LeftOut{What: "readers that linger, fewer keys", Why: "workload " + r.Workload + " has no keys that others could read"})
	}
	switch {
	case r.Open(&r.Weights) && deletes != nil:
		r.Weights = SharesText(maps.Clone(deletes))
	case r.Weights == "" && deletes == nil:
		left = append(left, history.LeftOut{What: "deletes", Why: "workload " + r.Workload + " has none on this target"})
	}
	return left, nil
}
