package consensus

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// lateFor is how long the defect log-not-synced keeps from the disk what it says is there.
const lateFor = 5 * time.Second

// lateFS is the defect log-not-synced: a file system on which a sync of the database's log does nothing and writes reach the
// disk seconds later, as those of a cache that is lost with the power do. With the defect off it is the one below.
type lateFS struct {
	vfs.FS
	on func() bool

	mu    sync.Mutex
	files map[*lateFile]struct{}
}

func newLateFS(below vfs.FS, on func() bool) *lateFS {
	if below == nil {
		below = vfs.Default
	}
	return &lateFS{FS: below, on: on, files: map[*lateFile]struct{}{}}
}

// Create implements vfs.FS.
func (fs *lateFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.Create(name, category)
	return fs.wrap(name, f), err
}

// ReuseForWrite implements vfs.FS.
func (fs *lateFS) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.ReuseForWrite(old, name, category)
	return fs.wrap(name, f), err
}

func (fs *lateFS) wrap(name string, f vfs.File) vfs.File {
	if f == nil || !strings.HasSuffix(name, ".log") {
		return f
	}
	late := &lateFile{File: f, fs: fs}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.files[late] = struct{}{}
	return late
}

// flush writes late, but not never.
func (fs *lateFS) flush() error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	var errs []error
	for f := range fs.files {
		errs = append(errs, f.flush())
	}
	return errors.Join(errs...)
}

// lateFile is a file of the database's log.
type lateFile struct {
	vfs.File
	fs *lateFS

	mu   sync.Mutex
	held []byte
}

// Write implements vfs.File.
func (f *lateFile) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fs.on() {
		f.held = append(f.held, b...)
		return len(b), nil
	}
	if err := f.writeHeld(); err != nil {
		return 0, err
	}
	return f.File.Write(b)
}

func (f *lateFile) writeHeld() error {
	_, err := f.File.Write(f.held)
	f.held = nil
	return err
}

func (f *lateFile) flush() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writeHeld()
}

// settle reports whether a sync has to be done, after it has written what was held.
func (f *lateFile) settle() (bool, error) {
	if f.fs.on() {
		return false, nil
	}
	return true, f.flush()
}

// Sync implements vfs.File.
func (f *lateFile) Sync() error {
	if do, err := f.settle(); !do || err != nil {
		return err
	}
	return f.File.Sync()
}

// SyncData implements vfs.File.
func (f *lateFile) SyncData() error {
	if do, err := f.settle(); !do || err != nil {
		return err
	}
	return f.File.SyncData()
}

// SyncTo implements vfs.File.
func (f *lateFile) SyncTo(length int64) (full bool, err error) {
	if do, err := f.settle(); !do || err != nil {
		return !do, err
	}
	return f.File.SyncTo(length)
}

// Close implements vfs.File.
func (f *lateFile) Close() error {
	f.fs.mu.Lock()
	delete(f.fs.files, f)
	f.fs.mu.Unlock()
	return errors.Join(f.flush(), f.File.Close())
}
