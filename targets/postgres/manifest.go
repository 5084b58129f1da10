package postgres

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"
)

// A manifest is the checksums of all files below a directory, in the form of
// sha256sum, and the symbolic links as "-> target". It stands beside the
// directory, so that a directory counts only when it is as it was made.

// sumFile returns the SHA-256 of a file in hexadecimal.
func sumFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// describe lists dir as a manifest, in lexical order.
func describe(dir string) ([]byte, error) {
	type entry struct{ name, sum string }
	var list []*entry
	group := new(errgroup.Group)
	group.SetLimit(4)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		e := &entry{name: filepath.ToSlash(name)}
		list = append(list, e)
		if d.Type()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(path)
			e.sum = "-> " + target
			return err
		}
		group.Go(func() (err error) {
			e.sum, err = sumFile(path)
			return err
		})
		return nil
	})
	if sumErr := group.Wait(); err == nil {
		err = sumErr
	}
	if err != nil {
		return nil, fmt.Errorf("summing up %s: %w", dir, err)
	}
	var b bytes.Buffer
	for _, e := range list {
		fmt.Fprintf(&b, "%s  %s\n", e.sum, e.name)
	}
	return b.Bytes(), nil
}

// alteredError says that a directory is not as its manifest says.
type alteredError struct{ Dir, What string }

func (e *alteredError) Error() string { return e.Dir + " was altered: " + e.What }

// verify compares dir with the manifest; the error is *alteredError if it
// differs, and wraps fs.ErrNotExist if there is no such directory or manifest.
func verify(dir, manifest string) error {
	want, err := os.ReadFile(manifest)
	if err != nil {
		return err
	}
	got, err := describe(dir)
	if err != nil {
		return err
	}
	if bytes.Equal(want, got) {
		return nil
	}
	return &alteredError{dir, firstDifference(want, got)}
}

func firstDifference(want, got []byte) string {
	parse := func(b []byte) map[string]string {
		m := map[string]string{}
		for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
			if sum, name, ok := strings.Cut(s.Text(), "  "); ok {
				m[name] = sum
			}
		}
		return m
	}
	was, is := parse(want), parse(got)
	for s := bufio.NewScanner(bytes.NewReader(want)); s.Scan(); {
		_, name, ok := strings.Cut(s.Text(), "  ")
		if !ok {
			break
		}
		if sum, ok := is[name]; !ok {
			return name + " is missing"
		} else if sum != was[name] {
			return name + " has another content"
		}
	}
	for s := bufio.NewScanner(bytes.NewReader(got)); s.Scan(); {
		if _, name, _ := strings.Cut(s.Text(), "  "); was[name] == "" {
			return name + " was added"
		}
	}
	return "its list of files is damaged"
}
