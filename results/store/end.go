package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/results/verdict"
)

const (
	// keptReason is how many bytes of what ended a run are kept where there is little room.
	keptReason = 200
	// reserved is how many bytes the first summary has more than it needs, for the last one.
	reserved = 2048
)

// Begin writes the summary of a run that begins, with room in the file for what
// EndInPlace may have to write.
func (d Dir) Begin(s *Summary) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", FileRun, err)
	}
	return d.WriteFile(FileRun, append(b, bytes.Repeat([]byte("\n"), reserved)...))
}

// EndInPlace says how a run ended where its whole summary could not be written, as on a full
// disk: in the room of the summary with which it began, which needs no new one. Kept are how
// it ended and what each model came to. The file stays readable as it was if even that does
// not fit, which is an error.
func (d Dir) EndInPlace(s *Summary) error {
	brief := *s
	brief.Load, brief.Alerts, brief.Assessment = nil, nil, verdict.Assessment{Status: s.Status}
	brief.Environment = shortened(s.Environment)
	if s.Exit != nil {
		brief.Exit = &verdict.Exit{Code: s.Exit.Code, Reason: shortened(s.Exit.Reason)}
	}
	for _, v := range s.Verdicts {
		brief.Verdicts = append(brief.Verdicts, checkers.Verdict{Model: v.Model, Status: v.Status})
	}
	err := d.overwrite(FileRun, &brief)
	if errors.Is(err, errNoRoom) {
		brief.Verdicts = nil
		err = d.overwrite(FileRun, &brief)
	}
	return err
}

func shortened(text string) string {
	if len(text) <= keptReason {
		return text
	}
	return string(bytes.ToValidUTF8([]byte(text[:keptReason]), nil)) + " ..."
}

var errNoRoom = errors.New("what was there before is shorter")

// overwrite writes v as JSON into a file that is there, in its place, and leaves it alone if
// v is longer. A reader may see half of it.
func (d Dir) overwrite(name string, v any) (err error) {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", name, err)
	}
	f, err := os.OpenFile(d.File(name), os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("writing over %s: %w", name, err)
	}
	defer func() {
		if closeErr := f.Close(); closeErr != nil && err == nil {
			err = fmt.Errorf("writing over %s: %w", name, closeErr)
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("writing over %s: %w", name, err)
	}
	room := int(info.Size()) - len(b)
	if room < 0 {
		return fmt.Errorf("writing over %s: %w", name, errNoRoom)
	}
	// To the end: what was there must not follow, nor must it be cut off in a second step.
	if _, err := f.WriteAt(append(b, bytes.Repeat([]byte("\n"), room)...), 0); err != nil {
		return fmt.Errorf("writing over %s: %w", name, err)
	}
	return nil
}
