package postgres

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// copyTree copies the directory from to the new directory to: files, directories
// and symbolic links with their permissions. skip, if given, leaves out what it
// says (paths relative to from); for a directory the directory itself is made
// and stays empty. A file that vanishes meanwhile is left out, as a base backup
// of a running server needs it.
func copyTree(from, to string, skip func(rel string) bool) error {
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if os.IsNotExist(err) && path != from {
				return nil
			}
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		leave := skip != nil && rel != "." && skip(rel)
		target := filepath.Join(to, rel)
		info, err := d.Info()
		switch {
		case os.IsNotExist(err):
			return nil
		case err != nil:
			return err
		case d.IsDir():
			if err := os.Mkdir(target, info.Mode().Perm()|0o700); err != nil {
				return err
			}
			if leave {
				return filepath.SkipDir
			}
			return nil
		case leave:
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case !info.Mode().IsRegular():
			return nil // a socket or a pipe is nobody's data
		}
		if err := copyFile(path, target, info.Mode().Perm()); err != nil && !os.IsNotExist(err) {
			return err
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("copying %s to %s: %w", from, to, err)
	}
	return nil
}

func copyFile(from, to string, perm fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		_ = out.Close() // it has failed already
		return err
	}
	return out.Close()
}

// writeFile replaces a file as a whole: a reader sees the old or the new text.
func writeFile(path string, text []byte, perm fs.FileMode) error {
	tmp := path + ".new"
	if err := os.WriteFile(tmp, text, perm); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
