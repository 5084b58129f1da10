package input

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/history/formats"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/targets"
)

// Source is where a history is, before it is read.
type Source struct {
	// Path is the file, formats.Stdin for standard input.
	Path string
	// Size is that of a regular file, -1 of anything else.
	Size int64
	// Known is what is known without reading: Loaded without the history.
	Known *Loaded
}

// Locate finds the history of a run or in a file, if it is in one of lapse's own formats;
// nil if it is not, or is not there.
func Locate(a *cli.App, ref string, o Options) (*Source, error) {
	if !o.plain() && o.Format != "lapse" && o.Format != "lapse-jsonl" {
		return nil, nil
	}
	known := &Loaded{Require: verdict.Require{OK: 1}, Format: o.Format}
	if ref == formats.Stdin {
		return &Source{Path: ref, Size: -1, Known: known}, nil
	}
	path := ref
	if dir, err := store.Open(a.Out, ref); err == nil {
		if known, err = aboutRun(dir); err != nil {
			return nil, err
		}
		path = dir.File(store.FileHistory)
	}
	st := fileAt(path)
	if st == nil {
		return nil, nil // whoever reads it as a whole says so
	}
	s := &Source{Path: path, Size: -1, Known: known}
	if !st.Mode().IsRegular() {
		return s, nil
	}
	s.Size = st.Size()
	format, err := ownFormat(path)
	if err != nil || format == "" {
		return nil, err
	}
	known.Format = format
	return s, nil
}

// fileAt is what is at path, nil if nothing or a directory is.
func fileAt(path string) os.FileInfo {
	st, err := os.Stat(path)
	if err != nil || st.IsDir() {
		return nil
	}
	return st
}

// ownFormat is the format of the file at path if it is one of lapse's own, else empty.
func ownFormat(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("reading the history: %w", err)
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 4096)
	n, err := io.ReadFull(f, head)
	if err != nil && n == 0 {
		return "", nil
	}
	return formats.Own(head[:n]), nil
}

// Divide lays the history, divided by key, on disk.
func (s *Source) Divide() (*history.Parts, error) {
	if s.Path != formats.Stdin {
		p, err := history.DivideFile(s.Path, "")
		var full *history.LaidError
		if errors.As(err, &full) {
			return nil, NotDivided(s.Path, err)
		}
		return p, err
	}
	p, err := history.Divide(os.Stdin, "")
	if err != nil {
		return nil, NotDivided(formats.Called(s.Path), err)
	}
	if s.Known.Format == "" {
		s.Known.Format = "lapse"
	}
	return p, nil
}

// NotDivided says of the history that is called so why it could not be laid on disk in the directory for temporary files. That this
// has no room is the environment's fault, all else the history's.
func NotDivided(called string, err error) error {
	var full *history.LaidError
	if errors.As(err, &full) {
		return fmt.Errorf("%s: %w; give it another directory with TMPDIR=DIRECTORY", called, full)
	}
	return targets.Usagef("%s: %v", called, err)
}
