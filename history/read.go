package history

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// ReadFile reads a history in any of the package's formats, recognised by its
// first bytes, and checks its invariants. A binary history that ends in the
// middle of a record, because the run was killed, is read as far as it goes and
// has Torn set; one that is damaged elsewhere is an error. Errors about the
// content are *FormatError and name the place.
func ReadFile(path string) (*History, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	defer func() { _ = f.Close() }()
	size := int64(-1)
	if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
		size = st.Size()
	}
	return read(f, path, size)
}

// Decode is ReadFile for a stream. It reads to the end of r.
func Decode(r io.Reader) (*History, error) { return read(r, "", -1) }

func read(r io.Reader, file string, size int64) (*History, error) {
	in := bufio.NewReaderSize(r, 256<<10)
	first, err := in.Peek(4)
	if err != nil && !isEOF(err) {
		return nil, fmt.Errorf("read history %s: %w", file, err)
	}
	if len(first) == 0 {
		return nil, &FormatError{File: file, Problem: "the file is empty, expected a history"}
	}
	switch {
	case first[0] == magic[0]:
		return readBinary(in, file, size)
	case len(first) >= 2 && first[0] == 0x1f && first[1] == 0x8b:
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, &FormatError{File: file, Problem: "gzip: " + err.Error(), Err: err}
		}
		defer func() { _ = z.Close() }()
		return readText(z, file)
	case string(first) == "\x28\xb5\x2f\xfd":
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(64<<20))
		if err != nil {
			return nil, fmt.Errorf("prepare decompression: %w", err)
		}
		defer z.Close()
		return readText(z, file)
	case first[0] == '{':
		return readText(in, file)
	}
	return nil, &FormatError{File: file, Problem: fmt.Sprintf("it begins with %q, expected a lapse history: binary (%q), JSON lines ('{'), or these compressed with gzip or zstd", first, magic[:6])}
}
