package output

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/history/formats"
	"github.com/lapse-test/lapse/internal/pure"
	"github.com/lapse-test/lapse/targets"
)

// Stdout as a file to write means standard output.
const Stdout = "-"

// FormatOf is the format in which out is to be written.
func FormatOf(out, named string) (string, error) {
	if named != "" {
		return named, nil
	}
	if f, ok := formats.ForFile(out); ok {
		return f, nil
	}
	return "", targets.Usagef("the ending of %q names no format; name one with --to: %s", out, strings.Join(formats.Writable(), ", "))
}

// WriteHistory writes h to a file, whole or not at all, or to standard output; nothing
// when ctx is done before.
func WriteHistory(ctx context.Context, a *cli.App, path, format string, h *history.History) error {
	written, err := pure.Until(ctx, "writing "+path, func() ([]byte, error) {
		var b bytes.Buffer
		err := formats.Write(&b, format, h)
		return b.Bytes(), err
	})
	if ctx.Err() != nil {
		return err
	}
	if err != nil {
		return targets.Usagef("%v", err)
	}
	if path == Stdout {
		if _, err := a.Stdout.Write(written); err != nil {
			return fmt.Errorf("printing the history: %w", err)
		}
		return nil
	}
	return cli.WriteWhole(path, func(w io.Writer) error {
		_, err := w.Write(written)
		return err
	})
}
