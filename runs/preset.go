package runs

import (
	"maps"
	"time"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/settings"
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
// that were left at their defaults, and returns what of it cannot be.
func applyPreset(r *Request, info targets.Info) ([]history.LeftOut, error) {
	preset, named := nemesis.PresetNamed(r.Faults)
	if !named || r.Script != "" {
		return nil, nil
	}
	defaults := settings.Defaults()
	if r.FaultMode == defaults.FaultMode {
		r.FaultMode = string(preset.Mode)
	}
	if !preset.Hard {
		return nil, nil
	}
	w, err := workloads.ByName(r.Workload)
	if err != nil {
		return nil, targets.Usagef("--workload: %v", err)
	}
	if r.Rate == defaults.Rate {
		r.Rate = hardRate
	}
	glance, deletes := workloads.Hardens(w, info.Funcs)
	if r.Keys == 0 && glance {
		r.Keys = hardKeys
		if r.Duration < shortRun {
			r.Keys = hardKeysShort
		}
	}
	var left []history.LeftOut
	switch {
	case r.Linger != defaults.Linger:
	case glance:
		r.Linger = harness.LingerOn
	default:
		left = append(left, history.LeftOut{What: "readers that linger, fewer keys", Why: "workload " + r.Workload + " has no keys that others could read"})
	}
	switch {
	case r.Weights != "":
	case deletes == nil:
		left = append(left, history.LeftOut{What: "deletes", Why: "workload " + r.Workload + " has none on this target"})
	default:
		r.Weights = SharesText(maps.Clone(deletes))
	}
	return left, nil
}
