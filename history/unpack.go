package history

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// unpacker decompresses payloads without believing the lengths that they claim:
// memory grows only with bytes that are really there.
type unpacker struct {
	dec *zstd.Decoder
	buf []byte
}

func (u *unpacker) init() error {
	dec, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		return fmt.Errorf("prepare decompression: %w", err)
	}
	u.dec = dec
	return nil
}

func (u *unpacker) close() {
	if u.dec != nil {
		u.dec.Close()
	}
}

// unpack returns the payload, valid until the next call.
func (u *unpacker) unpack(f frame, stored []byte) ([]byte, *fieldError) {
	if f.flags&flagZstd == 0 {
		return stored, nil
	}
	if err := u.dec.Reset(bytes.NewReader(stored)); err != nil {
		return nil, &fieldError{"payload", err.Error()}
	}
	u.buf = u.buf[:0]
	for {
		if len(u.buf) == cap(u.buf) {
			u.buf = slices.Grow(u.buf, max(64<<10, len(u.buf)/2))
		}
		n, err := u.dec.Read(u.buf[len(u.buf):cap(u.buf)])
		u.buf = u.buf[:len(u.buf)+n]
		if len(u.buf) > int(f.raw) {
			return nil, &fieldError{"payload", fmt.Sprintf("more than the %d bytes that the frame tells", f.raw)}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, &fieldError{"payload", "cannot be decompressed: " + err.Error()}
		}
	}
	if len(u.buf) != int(f.raw) {
		return nil, &fieldError{"payload", fmt.Sprintf("%d bytes, expected %d", len(u.buf), f.raw)}
	}
	return u.buf, nil
}
