package standin

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// archive is a tar archive that is written.
type archive struct{ w *tar.Writer }

func newArchive(w io.Writer) *archive { return &archive{tar.NewWriter(w)} }

func (a *archive) close() error { return a.w.Close() }

func (a *archive) file(name string, mode int64, text []byte) error {
	if err := a.w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
		return fmt.Errorf("archiving %s: %w", name, err)
	}
	_, err := a.w.Write(text)
	return err
}

// tree writes what is below dir as what is below at, without what out says. Links
// are followed if the tree is to stand on its own.
func (a *archive) tree(dir, at string, out func(rel string) bool, follow bool) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil || rel == "." {
			return err
		}
		if out != nil && out(rel) {
			return nil
		}
		return a.entry(path, filepath.Join(at, rel), follow)
	})
}

func (a *archive) entry(path, name string, follow bool) error {
	st, err := os.Lstat(path)
	if err != nil {
		return err
	}
	link := ""
	if st.Mode()&fs.ModeSymlink != 0 {
		to, err := os.Stat(path)
		switch {
		case follow && err != nil:
			return nil //nolint:nilerr // it leads nowhere, and would there, too
		case follow && to.IsDir():
			return a.tree(path+"/", name, nil, follow)
		case follow:
			st = to
		default:
			if link, err = os.Readlink(path); err != nil {
				return err
			}
		}
	}
	h, err := tar.FileInfoHeader(st, link)
	if err != nil {
		return fmt.Errorf("archiving %s: %w", path, err)
	}
	h.Name, h.Uname, h.Gname = name, "", ""
	if sys, ok := st.Sys().(*syscall.Stat_t); ok && !follow {
		h.Uid, h.Gid = int(sys.Uid), int(sys.Gid)
	} else {
		h.Uid, h.Gid = 0, 0
	}
	if err := a.w.WriteHeader(h); err != nil {
		return fmt.Errorf("archiving %s: %w", path, err)
	}
	if !st.Mode().IsRegular() {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	_, err = io.Copy(a.w, f)
	return err
}
