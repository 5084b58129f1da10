package formats

import (
	"bytes"
	"math"
	"os"
	"runtime/debug"
	"unsafe"
)

const (
	// leastMapped is from how many bytes on a file is mapped into memory, not read.
	leastMapped = 1 << 20
	// passedBytes is how much of a mapped file stays in memory behind what reads it.
	passedBytes = 4 << 20
)

// mapping is a file in the address space, of which only what is being read takes memory:
// texts are several times as large as the history in them.
type mapping struct {
	data []byte
	left int // from where on pages were not given back
}

// mapped is the text file f of at least least bytes, nil if it is to be read as ever: it is
// shorter or packed, no regular file, or this system does not map it.
func mapped(f *os.File, label string, least int64) *input {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() < least || info.Size() > min(maxUnpacked, math.MaxInt) || info.Size() == 0 {
		return nil
	}
	head := make([]byte, 4)
	n, _ := f.ReadAt(head, 0) // what is wrong comes again when it is read
	if head = head[:n]; bytes.HasPrefix(head, gzipMagic) || bytes.HasPrefix(head, zstdMagic) {
		return nil
	}
	data, err := mapFile(f, int(info.Size()))
	if err != nil {
		return nil
	}
	text := data
	if bytes.HasPrefix(head, bom) {
		text = data[len(bom):]
	}
	return &input{label: label, data: text, mapping: &mapping{data: data}, file: f}
}

// passed says that nobody is about to read what stands before byte pos: its pages are given
// back. Who reads them all the same gets them from the file once more.
func (in *input) passed(pos int) {
	if in.mapping != nil && pos-in.mapping.left > passedBytes {
		in.mapping.passed(pos)
	}
}

// again says that the file is read from its beginning.
func (in *input) again() {
	if in.mapping != nil {
		in.mapping.left = 0
	}
}

func (m *mapping) passed(pos int) {
	pos -= pos % os.Getpagesize()
	freePages(m.data[m.left:pos])
	m.left = pos
}

// guard calls read, which reads the file, and tells whether somebody has cut it meanwhile:
// then there are no pages any more where the text is looked for, which is no crash here.
func (m *mapping) guard(read func()) (cut bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		e := recover()
		if e == nil {
			return
		}
		at, ok := e.(interface{ Addr() uintptr })
		from := uintptr(unsafe.Pointer(unsafe.SliceData(m.data)))
		if cut = ok && at.Addr() >= from && at.Addr() < from+uintptr(len(m.data)); !cut {
			panic(e)
		}
	}()
	read()
	return false
}
