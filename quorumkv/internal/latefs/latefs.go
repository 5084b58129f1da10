// Package latefs is a file system that loses what was said to be on disk, as a cache that is lost with the power does: the body of
// the defects that acknowledge before they sync.
package latefs

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Late is after how long Run writes what was held back.
const Late = 5 * time.Second

// FS is a file system on which, while it is on, a sync of the database's log does nothing and writes of it reach the disk only by
// Run. While it is off it is the one below.
type FS struct {
	vfs.FS
	on func() bool

	mu    sync.Mutex
	files map[*lateFile]struct{}
}

// New makes one above below, or above the operating system's when that is nil. It asks on at every write and sync.
func New(below vfs.FS, on func() bool) *FS {
	if below == nil {
		below = vfs.Default
	}
	return &FS{FS: below, on: on, files: map[*lateFile]struct{}{}}
}

// Create implements vfs.FS.
func (fs *FS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.Create(name, category)
	return fs.wrap(name, f), err
}

// ReuseForWrite implements vfs.FS.
func (fs *FS) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.ReuseForWrite(old, name, category)
	return fs.wrap(name, f), err
}

func (fs *FS) wrap(name string, f vfs.File) vfs.File {
	if f == nil || !strings.HasSuffix(name, ".log") {
		return f
	}
	late := &lateFile{File: f, fs: fs}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.files[late] = struct{}{}
	return late
}

// Run writes late, but not never, until ctx ends. It tells failed of errors.
func (fs *FS) Run(ctx context.Context, failed func(error)) {
	tick := time.NewTicker(Late)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := fs.flush(); err != nil {
				failed(err)
			}
		}
	}
}

func (fs *FS) flush() error {
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
	fs *FS

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
