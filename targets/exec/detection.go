package exec

import (
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

var _ targets.Detector = (*described)(nil)

// Detection implements targets.Detector: what several nodes behind a program do about one that is gone, the program does not say.
func (t *described) Detection(targets.Config) history.Detection {
	if len(t.h.Nodes) < 2 {
		return history.Detection{}
	}
	return history.Detection{By: "a program does not say"}
}
