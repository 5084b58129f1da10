package formats

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/klauspost/compress/zstd"
)

// maxUnpacked bounds what a compressed file may grow to, so that a few
// malicious bytes cannot fill the memory.
const maxUnpacked int64 = 8 << 30

// maxShown bounds how much of a bad file is quoted in an error.
const maxShown = 40

// Error says what is wrong with a file, where, and what was expected.
type Error struct {
	// File is the path as it was given.
	File string
	// Line counts from 1; 0 for binary formats.
	Line int
	// Offset is the byte offset in the unpacked file.
	Offset int64
	// Text says what was expected and what was found.
	Text string
}

// Error is the file, the line or the byte, and Text, in one line.
func (e *Error) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text)
	}
	return fmt.Sprintf("%s: at byte %d: %s", e.File, e.Offset, e.Text)
}

// input is a file in memory, unpacked; of one of lapse's own, which are read as a
// stream, data is only the beginning.
type input struct {
	label string
	data  []byte
	o     *Options
	// rest is the whole of the open file, which is read as a stream; nil for others.
	rest io.Reader
	// restSize is the number of bytes in rest, -1 if that is not known.
	restSize int64
	file     *os.File
	done     func() // lets go of what unpacks it, nil if nothing does
	// mapping is where data is, nil if it was read.
	mapping *mapping
}

// close lets go of the file.
func (in *input) close() {
	if in.done != nil {
		in.done()
	}
	if in.mapping != nil {
		unmapFile(in.mapping.data)
	}
	if in.file != nil {
		closeFile(in.file)
	}
}

// closeFile closes a file that nothing was written to. Standard input stays open.
func closeFile(f *os.File) {
	if f != os.Stdin {
		_ = f.Close()
	}
}

// Stdin as a path is standard input.
const Stdin = "-"

// Called is what an error calls the history at path.
func Called(path string) string {
	if path == Stdin {
		return "standard input"
	}
	return path
}

// load reads the file at path into memory.
func load(path string) (*input, error) {
	from, label, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer closeFile(from)
	return loadFrom(from, from, label)
}

// open is load for a file of the format f, or of one that is still to be recognised if f
// is nil: of a format that is read as a stream only the beginning is loaded. The input
// is to be closed.
func open(path string, f *Format) (*input, error) {
	from, label, err := openFile(path)
	if err != nil {
		return nil, err
	}
	begin, _ := from.Seek(0, io.SeekCurrent) // standard input may have been read in part; a pipe has no place
	r := bufio.NewReaderSize(from, headSize)
	head, _ := r.Peek(headSize) // what is wrong comes again when it is read
	if streamed(head, f) {
		return &input{label: label, data: bytes.Clone(head), rest: r, restSize: sizeOf(from), file: from}, nil
	}
	if text := unpackHead(head); text != nil && streamed(text, f) && !ownBinary(text) {
		if u, done, err := unpacker(r); err == nil {
			return &input{label: label, data: text, rest: u, restSize: -1, file: from, done: done}, nil
		}
	}
	if begin == 0 {
		if in := mapped(from, label, leastMapped); in != nil {
			return in, nil
		}
	}
	defer closeFile(from)
	return loadFrom(r, from, label)
}

// streamed tells whether a file that begins with head is read as a stream, if it is of
// the format f, or of the one that is recognised if f is nil.
func streamed(head []byte, f *Format) bool {
	all := registry()
	for i := range all {
		if x := &all[i]; x.streams && (f == nil || f.Name == x.Name) && x.detect(head) {
			return true
		}
	}
	return false
}

func openFile(path string) (from *os.File, label string, err error) {
	if path == Stdin {
		return os.Stdin, Called(path), nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, "", fmt.Errorf("reading the history: %w", err)
	}
	if info.IsDir() {
		return nil, "", fmt.Errorf("%s is a directory without T<n>.log files (Cobra), and no other format is a directory: name a file", path)
	}
	if from, err = os.Open(path); err != nil {
		return nil, "", fmt.Errorf("reading the history: %w", err)
	}
	return from, path, nil
}

// loadFrom reads r, which is f or what was read ahead of it, to its end, and unpacks it.
func loadFrom(r io.Reader, f *os.File, label string) (*input, error) {
	var room []byte
	// The size need not be known. What Buffer.Grow makes is cleared first, which costs as much as reading it.
	if size := sizeOf(f); size >= 0 && size < min(maxUnpacked, math.MaxInt-bytes.MinRead) {
		room = make([]byte, 0, int(size)+bytes.MinRead)
	}
	b := bytes.NewBuffer(room)
	if _, err := b.ReadFrom(r); err != nil {
		return nil, fmt.Errorf("reading the history: %w", err)
	}
	return unpack(label, b.Bytes())
}

// sizeOf is the number of bytes in f, -1 if it is no regular file.
func sizeOf(f *os.File) int64 {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return -1
	}
	return info.Size()
}

// bom is the byte order mark with which some editors begin a file of UTF-8.
var bom = []byte("\xef\xbb\xbf")

// What packed files begin with.
var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// unpacker unpacks what in holds, by its first bytes; nil if it is not packed. done lets go
// of its memory.
func unpacker(in *bufio.Reader) (r io.Reader, done func(), err error) {
	head, _ := in.Peek(len(zstdMagic)) // what is wrong comes again when it is read
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, nil, fmt.Errorf("unpacking gzip: %w", err)
		}
		return z, func() { _ = z.Close() }, nil
	case bytes.HasPrefix(head, zstdMagic):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(maxUnpacked)))
		if err != nil {
			return nil, nil, fmt.Errorf("unpacking zstd: %w", err)
		}
		return z, z.Close, nil
	}
	return nil, func() {}, nil
}

// unpackHead is the beginning of the content of a packed file that begins with head, nil if
// that is not packed.
func unpackHead(head []byte) []byte {
	r, done, err := unpacker(bufio.NewReader(bytes.NewReader(head)))
	if err != nil || r == nil {
		return nil
	}
	defer done()
	text := make([]byte, headSize)
	n, _ := io.ReadFull(r, text) // it ends too early, since head does
	return text[:n]
}

// unpack takes off gzip and zstd, whatever the file's name says.
func unpack(label string, data []byte) (*input, error) {
	r, done, err := unpacker(bufio.NewReader(bytes.NewReader(data)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", label, err)
	}
	defer done()
	if r == nil {
		return &input{label: label, data: bytes.TrimPrefix(data, bom)}, nil
	}
	out, err := io.ReadAll(io.LimitReader(r, maxUnpacked+1))
	if err != nil {
		return nil, fmt.Errorf("%s: unpacking: %w", label, err)
	}
	if int64(len(out)) > maxUnpacked {
		return nil, fmt.Errorf("%s: unpacks to more than %d bytes", label, maxUnpacked)
	}
	return &input{label: label, data: bytes.TrimPrefix(out, bom)}, nil
}

// line is the line of byte pos, from 1.
func (in *input) line(pos int) int {
	pos = min(max(pos, 0), len(in.data))
	return 1 + bytes.Count(in.data[:pos], []byte{'\n'})
}

// errAt makes an error for a text format at byte pos.
func (in *input) errAt(pos int, format string, args ...any) error {
	pos = min(max(pos, 0), len(in.data))
	return &Error{
		File:   in.label,
		Line:   in.line(pos),
		Offset: int64(pos),
		Text:   fmt.Sprintf(format, args...),
	}
}

// errByte makes an error for a binary format at byte pos.
func (in *input) errByte(pos int, format string, args ...any) error {
	return &Error{File: in.label, Offset: int64(pos), Text: fmt.Sprintf(format, args...)}
}

// wrap names the file of an error that the history package found.
func (in *input) wrap(err error) error {
	var e *Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return fmt.Errorf("%s: %w", in.label, err)
}

// show quotes the beginning of b for an error.
func show(b []byte) string {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		b = b[:i]
	}
	if len(b) == 0 {
		return "the end of the line"
	}
	if len(b) > maxShown {
		return strconv.Quote(string(b[:maxShown])) + "..."
	}
	return strconv.Quote(string(b))
}

// lines calls f with each line (without its end) and the position of its first
// byte, until f returns an error.
func (in *input) lines(f func(pos int, line []byte) error) error {
	in.again()
	for pos := 0; pos < len(in.data); {
		end := bytes.IndexByte(in.data[pos:], '\n')
		next := len(in.data)
		line := in.data[pos:]
		if end >= 0 {
			line = in.data[pos : pos+end]
			next = pos + end + 1
		}
		line = bytes.TrimSuffix(line, []byte{'\r'})
		if err := f(pos, line); err != nil {
			return err
		}
		pos = next
		in.passed(pos)
	}
	return nil
}

// isDir tells whether path is a directory.
func isDir(path string) bool {
	info, err := os.Stat(filepath.Clean(path))
	return err == nil && info.IsDir()
}
