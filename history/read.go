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

// Decode is ReadFile for a stream. It reads to the end of r, in which there are size bytes, -1 if that is not known: of a size that
// is known, memory is reserved for all of the history at once.
func Decode(r io.Reader, size int64) (*History, error) { return read(r, "", size) }

// readInto reads a history of which to takes the operations, and returns the rest of it.
// grows says that it is still written.
func readInto(r io.Reader, file string, to receiver, grows bool) (*History, error) {
	var frame *History
	err := recognise(r, file,
		func(in *bufio.Reader) error {
			b := &binaryReader{file: file, in: in, size: -1, faults: map[int]int{}, to: to, grows: grows}
			frame = &b.h
			return b.whole()
		},
		func(in io.Reader) error {
			t := &textReader{file: file, to: to, grows: grows}
			if err := t.whole(in); err != nil {
				return err
			}
			frame = &t.b.h
			return t.b.deferred
		})
	if err != nil {
		return nil, err
	}
	frame.sortRest()
	return frame, nil
}

func read(r io.Reader, file string, size int64) (*History, error) {
	var h *History
	err := recognise(r, file,
		func(in *bufio.Reader) (err error) { h, err = readBinary(in, file, size); return err },
		func(in io.Reader) (err error) {
			if in, ok := in.(*bufio.Reader); ok { // as it stands in the file
				h, err = readText(in, file, size)
				return err
			}
			h, err = readText(in, file, -1)
			return err
		})
	return h, err
}

// recognise calls binary or text with what r holds, unpacked, by its first bytes.
func recognise(r io.Reader, file string, binary func(*bufio.Reader) error, text func(io.Reader) error) error {
	in := bufio.NewReaderSize(r, 256<<10)
	first, err := in.Peek(4)
	if err != nil && !isEOF(err) {
		return fmt.Errorf("read history %s: %w", file, err)
	}
	if len(first) == 0 {
		return &FormatError{File: file, Problem: "the file is empty, expected a history"}
	}
	switch {
	case first[0] == magic[0]:
		return binary(in)
	case len(first) >= 2 && first[0] == 0x1f && first[1] == 0x8b:
		z, err := gzip.NewReader(in)
		if err != nil {
			return &FormatError{File: file, Problem: "gzip: " + err.Error(), Err: err}
		}
		defer func() { _ = z.Close() }()
		return text(z)
	case string(first) == "\x28\xb5\x2f\xfd":
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(64<<20))
		if err != nil {
			return fmt.Errorf("prepare decompression: %w", err)
		}
		defer z.Close()
		return text(z)
	case first[0] == '{':
		return text(in)
	}
	return &FormatError{File: file, Problem: fmt.Sprintf("it begins with %q, expected a lapse history: binary (%q), JSON lines ('{'), or these compressed with gzip or zstd", first, magic[:6])}
}
