package input

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/lapse-test/lapse/history/formats"
)

// LookEvery is how often it is looked whether a file that is still written has grown.
const LookEvery = 100 * time.Millisecond

// OpenGrowing reads a history that is still written: at the end of a file it waits for more.
// Its end comes when ctx is done; that of standard input or a pipe when nobody writes to it
// any more, too. What cannot be opened is the error of the first Read.
func OpenGrowing(ctx context.Context, s *Source) io.ReadCloser {
	if s.Size >= 0 {
		f, err := os.Open(s.Path)
		return &growing{ctx, f, err}
	}
	// Opening a pipe waits for whoever writes to it, and so does reading; both are left
	// behind when ctx is done.
	from, to := io.Pipe()
	context.AfterFunc(ctx, func() { _ = to.Close() })
	go func() {
		f, err := os.Stdin, error(nil)
		if s.Path != formats.Stdin {
			f, err = os.Open(s.Path)
		}
		if err == nil {
			_, err = io.Copy(to, f)
		}
		if f != nil && f != os.Stdin {
			err = errors.Join(err, f.Close())
		}
		_ = to.CloseWithError(err) // an error of nil is the end
	}()
	return from
}

// growing is a file that is still written.
type growing struct {
	ctx  context.Context
	file *os.File
	err  error // of opening it
}

// Read implements io.Reader.
func (g *growing) Read(b []byte) (int, error) {
	if g.err != nil {
		return 0, fmt.Errorf("reading the history: %w", g.err)
	}
	for {
		n, err := g.file.Read(b)
		if n > 0 || !errors.Is(err, io.EOF) {
			return n, err //nolint:wrapcheck // whoever reads it says which file it is
		}
		select {
		case <-g.ctx.Done():
			return 0, io.EOF
		case <-time.After(LookEvery):
		}
	}
}

// Close implements io.Closer.
func (g *growing) Close() error {
	if g.file == nil {
		return nil
	}
	if err := g.file.Close(); err != nil {
		return fmt.Errorf("closing the history: %w", err)
	}
	return nil
}
