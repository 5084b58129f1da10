package maven

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// parseSums reads checksums in the form of sha256sum: 64 hexadecimal digits, two
// spaces, the name.
func parseSums(sums []byte) (map[string]string, error) {
	m := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(sums))
	for n := 1; lines.Scan(); n++ {
		sum, name, ok := strings.Cut(lines.Text(), "  ")
		raw, err := hex.DecodeString(sum)
		switch {
		case !ok || err != nil || len(raw) != sha256.Size:
			return nil, fmt.Errorf("checksums, line %d: want 64 hexadecimal digits, two spaces and a name", n)
		case name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00"):
			return nil, fmt.Errorf("checksums, line %d: %q is no name of a file", n, name)
		case m[name] != "":
			return nil, fmt.Errorf("checksums, line %d: %s is there twice", n, name)
		}
		m[name] = strings.ToLower(sum)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("checksums: %w", err)
	}
	if len(m) == 0 {
		return nil, fmt.Errorf("checksums: no line")
	}
	return m, nil
}

// verify compares dir with the checksums: every file must be there with its
// content, and no other. Its error wraps fs.ErrNotExist if there is no dir.
func verify(dir string, sums []byte) error {
	want, err := parseSums(sums)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	there := map[string]fs.DirEntry{}
	for _, e := range entries {
		if want[e.Name()] == "" {
			return fmt.Errorf("%s has %s, which does not belong there", dir, e.Name())
		}
		there[e.Name()] = e
	}
	names := slices.Sorted(maps.Keys(want))
	errs := make([]error, len(names))
	group := new(errgroup.Group)
	group.SetLimit(4)
	for i, name := range names {
		e := there[name]
		if e == nil {
			return fmt.Errorf("%s is missing in %s", name, dir)
		}
		if !e.Type().IsRegular() {
			return fmt.Errorf("%s in %s is no ordinary file", name, dir)
		}
		group.Go(func() error {
			errs[i] = compare(filepath.Join(dir, name), want[name])
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs, so that the first by name is told
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func compare(path, want string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("%s is broken or was altered: its SHA-256 is %s and must be %s", path, got, want)
	}
	return nil
}
