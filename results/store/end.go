package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/lapse-test/lapse/results/verdict"
)

// End writes the summary of a run that is over over that of the same run when it began.
// Where there is no room for the file, what ended the run is written into the room of the
// old one, without the verdicts; the error says then too that the whole could not be
// written.
func (d Dir) End(s *Summary) error {
	err := d.WriteJSON(FileRun, s)
	if err == nil {
		return nil
	}
	brief := *s
	brief.Assessment, brief.Load, brief.Alerts = verdict.Assessment{}, nil, nil
	return errors.Join(err, d.overwrite(FileRun, &brief))
}

// overwrite writes v as JSON into a file that is there, in its place: on most file systems
// that needs no room as long as it fills no more blocks. A reader may see half of it.
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
	if _, err := f.WriteAt(append(b, '\n'), 0); err != nil {
		return fmt.Errorf("writing over %s: %w", name, err)
	}
	if err := f.Truncate(int64(len(b)) + 1); err != nil {
		return fmt.Errorf("writing over %s: %w", name, err)
	}
	return nil
}
