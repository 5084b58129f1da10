package history

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
)

// The frame of the binary format; docs/history-format.md is its specification.
const (
	// magic begins every file. Its first byte is no text, its line ends notice
	// a transfer that changes them, its last two bytes are the version.
	magic         = "\x89LAPSE\r\n\x00\x01"
	formatVersion = 1

	frameSize = 20
	// maxStored and maxRaw bound a block's payload as stored and unpacked.
	maxStored = 64 << 20
	maxRaw    = 64 << 20
	// A compressed payload may be at most maxRatio times as long unpacked, and
	// ratioFree bytes more; what is more regular is stored as it is. So a small
	// file cannot fill the memory of its reader.
	maxRatio  = 256
	ratioFree = 64 << 10

	// maxBlockOps bounds the operations that the writer puts in a block,
	// maxBlockSize the operations, micro-operations and list elements in
	// all, and maxTables the bytes of names. The reader knows no such
	// bounds, as all of these occupy bytes.
	maxBlockOps  = 1 << 16
	maxBlockSize = 1 << 20
	maxTables    = 4 << 20
)

// blockType says what a block holds.
type blockType uint8

const (
	blockHeader blockType = 1
	blockOps    blockType = 2
	blockFault  blockType = 3
	blockEvent  blockType = 4
	blockEnd    blockType = 5
)

func (t blockType) String() string {
	switch t {
	case blockHeader:
		return "header"
	case blockOps:
		return "operations"
	case blockFault:
		return "fault"
	case blockEvent:
		return "event"
	case blockEnd:
		return "end"
	}
	return fmt.Sprintf("unknown type %d", uint8(t))
}

// flagZstd: the payload is one zstd frame.
const flagZstd = 1

// frame is the fixed beginning of a block.
type frame struct {
	kind   blockType
	flags  uint8
	stored uint32 // bytes of payload in the file
	raw    uint32 // bytes of payload when unpacked
	sum    uint32 // CRC-32C of the payload in the file
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// put writes f to the first frameSize bytes of b.
func (f frame) put(b []byte) {
	b[0], b[1], b[2], b[3] = byte(f.kind), f.flags, 0, 0
	binary.LittleEndian.PutUint32(b[4:], f.stored)
	binary.LittleEndian.PutUint32(b[8:], f.raw)
	binary.LittleEndian.PutUint32(b[12:], f.sum)
	binary.LittleEndian.PutUint32(b[16:], crc32.Checksum(b[:16], castagnoli))
}

// parseFrame reads a frame. The error names the field.
func parseFrame(b *[frameSize]byte) (frame, *fieldError) {
	if got, want := crc32.Checksum(b[:16], castagnoli), binary.LittleEndian.Uint32(b[16:]); got != want {
		return frame{}, &fieldError{"frame checksum", fmt.Sprintf("CRC-32C is %08x, expected %08x", got, want)}
	}
	f := frame{
		kind:   blockType(b[0]),
		flags:  b[1],
		stored: binary.LittleEndian.Uint32(b[4:]),
		raw:    binary.LittleEndian.Uint32(b[8:]),
		sum:    binary.LittleEndian.Uint32(b[12:]),
	}
	switch {
	case f.kind < blockHeader || f.kind > blockEnd:
		return f, &fieldError{"type", fmt.Sprintf("unknown block type %d, expected 1 to 5", b[0])}
	case f.flags&^flagZstd != 0:
		return f, &fieldError{"flags", fmt.Sprintf("unknown flags %#02x", f.flags)}
	case b[2] != 0 || b[3] != 0:
		return f, &fieldError{"reserved", "expected zero"}
	case f.stored > maxStored:
		return f, &fieldError{"stored length", fmt.Sprintf("%d bytes, at most %d are allowed", f.stored, maxStored)}
	case f.raw > maxRaw:
		return f, &fieldError{"unpacked length", fmt.Sprintf("%d bytes, at most %d are allowed", f.raw, maxRaw)}
	case f.flags&flagZstd != 0 && uint64(f.raw) > ratioFree+maxRatio*uint64(f.stored):
		return f, &fieldError{"unpacked length", fmt.Sprintf("%d bytes, more than %d times the %d bytes stored", f.raw, maxRatio, f.stored)}
	case f.flags&flagZstd == 0 && f.raw != f.stored:
		return f, &fieldError{"unpacked length", fmt.Sprintf("%d bytes, expected %d as the payload is not compressed", f.raw, f.stored)}
	}
	return f, nil
}

// blockWriter writes blocks. It keeps its buffers.
type blockWriter struct {
	w   io.Writer
	enc *zstd.Encoder
	buf []byte
}

// init writes the magic.
func (b *blockWriter) init(w io.Writer) error {
	enc, err := zstd.NewWriter(nil,
		zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderCRC(false),
		zstd.WithWindowSize(1<<20))
	if err != nil {
		return fmt.Errorf("prepare compression: %w", err)
	}
	b.w, b.enc = w, enc
	_, err = io.WriteString(w, magic)
	return err
}

// write writes a block with one call, so that it is in the file whole or torn
// at its end.
func (b *blockWriter) write(kind blockType, payload []byte, compress bool) error {
	if len(payload) > maxRaw {
		return fmt.Errorf("%s block of %d bytes: at most %d are allowed", kind, len(payload), maxRaw)
	}
	f := frame{kind: kind, raw: uint32(len(payload))}
	var space [frameSize]byte
	b.buf = append(b.buf[:0], space[:]...)
	if compress {
		f.flags = flagZstd
		b.buf = b.enc.EncodeAll(payload, b.buf)
		packed := len(b.buf) - frameSize
		if packed >= len(payload) || len(payload) > ratioFree+maxRatio*packed {
			compress = false
		}
	}
	if !compress {
		f.flags = 0
		b.buf = append(b.buf[:frameSize], payload...)
	}
	stored := b.buf[frameSize:]
	f.stored = uint32(len(stored))
	f.sum = crc32.Checksum(stored, castagnoli)
	f.put(b.buf)
	_, err := b.w.Write(b.buf)
	return err
}
