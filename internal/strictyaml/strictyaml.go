// Package strictyaml reads the YAML that people write: suites, the configuration of
// quorumkv, the files of operators. It is the only door to the YAML library. An
// unknown key, a key that stands twice and a value of another type are errors that
// quote the line, and so is what the library cannot stand: on some malformed files
// it dereferences nil, and its panic ends here as an error; on what is nested deeply
// or has very many keys its time grows with the square of the size, so that both
// the nesting and the time have bounds.
package strictyaml

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/lapse-test/lapse/internal/duration"
)

// MaxBytes is the size of the largest file that is read, MaxDepth how deep what it
// holds may be nested.
const (
	MaxBytes = 1 << 20
	MaxDepth = 200
)

// patience is how long the library may take for one file: a thousand times what one of
// a hundred kilobytes needs.
const patience = 30 * time.Second

// ErrMalformed says that the text is no YAML that the library can read, and that it
// cannot say where.
var ErrMalformed = errors.New("this is no YAML that can be read; the library cannot say where it goes wrong: check indentation, tags and anchors")

// Unmarshal reads b over v. The text of its errors begins with the place, as
// [line:column], if there is one, quotes no more of a line than a terminal shows, and
// has no final newline; of several unknown keys they name the first. It never panics. After an error v may hold anything, and must
// not be used.
func Unmarshal(b []byte, v any) error {
	if len(b) > MaxBytes {
		return fmt.Errorf("it has %d bytes, and more than %d are not read", len(b), MaxBytes)
	}
	if err := shallow(b); err != nil {
		return err
	}
	return within(patience, func() error {
		err := yaml.UnmarshalWithOptions(b, v, yaml.Strict(), yaml.DisallowUnknownField())
		if err != nil {
			err = firstUnknown(b, v, err)
			return errors.New(excerpt(strings.TrimSpace(yaml.FormatError(err, false, true))))
		}
		return nil
	})
}

// Marshal writes v as YAML.
func Marshal(v any) ([]byte, error) {
	b, err := yaml.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding YAML: %w", err)
	}
	return b, nil
}

// Document is a text in which places are looked up.
type Document struct{ file *ast.File }

// Open reads a text once for Locate. A text that is no YAML has no places.
func Open(b []byte) *Document {
	if len(b) > MaxBytes || shallow(b) != nil {
		return &Document{}
	}
	var file *ast.File
	err := within(patience, func() (err error) {
		file, err = parser.ParseBytes(b, 0)
		return err
	})
	if err != nil {
		return &Document{} // file may still be written to
	}
	return &Document{file}
}

// Locate finds where the value at a path such as $.cases[0].name stands. Line and
// column count from 1; they are 0 if the key is absent or the text is no YAML.
func (d *Document) Locate(path string) (line, column int) {
	if d.file == nil {
		return 0, 0
	}
	_ = guard(func() error {
		p, err := yaml.PathString(path)
		if err != nil {
			return err
		}
		node, err := p.FilterFile(d.file)
		if err != nil || node == nil {
			return err
		}
		pos := node.GetToken().Position
		line, column = pos.Line, pos.Column
		return nil
	})
	return line, column
}

// within is what read returns, or an error once limit has passed: read is then left to
// itself, and whoever reads such a file is about to end.
func within(limit time.Duration, read func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- guard(read) }()
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case err := <-ended:
		return err
	case <-late.C:
		return fmt.Errorf("reading it takes longer than %s: make it smaller", duration.Text(limit))
	}
}

// guard turns a panic of the library, which works in the goroutine that calls it,
// into ErrMalformed.
func guard(read func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = ErrMalformed
		}
	}()
	return read()
}
