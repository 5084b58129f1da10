package wallclock

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// File is the file below a node's directory that says how far its clock is off, for what
// stands between the server and the clock. Text spells an offset as that reads it.
type File struct {
	Text func(offset time.Duration) string
}

// Path is where the file of n is.
func (File) Path(n cluster.Node) string { return filepath.Join(n.Dir(), "clock-offset") }

// Begin is for the start of n's server: its clock is right, unless the file is there
// already. An offset stays over a restart, as the wrong clock of a machine does.
func (f File) Begin(n cluster.Node) error {
	if _, err := os.Stat(f.Path(n)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return f.Set(n, 0)
}

// Set moves the wall clock of n by offset from true time, at once or, if its server does
// not run, when it is started. The file is replaced in one step, so that it is never read
// half.
func (f File) Set(n cluster.Node, offset time.Duration) error {
	path := f.Path(n)
	if err := os.WriteFile(path+".new", []byte(f.Text(offset)+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Mover is the move of NewBender for these nodes.
func (f File) Mover(nodes []cluster.Node) func(i int, offset time.Duration) error {
	return func(i int, offset time.Duration) error { return f.Set(nodes[i], offset) }
}
