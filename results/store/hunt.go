package store

import (
	"fmt"
	"os"
	"path/filepath"
)

// DirHunts is the directory, below that of the runs, in which hunts are kept, each in a
// directory of its own with its findings' plans.
const DirHunts = "hunts"

// FileHunt is the file of a hunt's directory that says what it came to.
const FileHunt = "hunt.json"

// CreateHunt makes the directory of a new hunt below out.
func CreateHunt(out, id string) (Dir, error) {
	d := Dir{Path: filepath.Join(out, DirHunts, id), ID: id}
	if err := os.MkdirAll(d.Path, 0o777); err != nil {
		return Dir{}, fmt.Errorf("making the directory of the hunt: %w", err)
	}
	return d, nil
}
