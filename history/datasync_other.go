//go:build !linux

package history

import "os"

// dataSync waits until the disk has what was written to f.
func dataSync(f *os.File) error { return f.Sync() }
