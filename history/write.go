package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// WriteFile writes h to path, whole or not at all: a file that is there already
// is replaced only by a complete one. The name chooses the format: .lapse is the
// binary one, .jsonl the text one, .jsonl.gz and .jsonl.zst the compressed text.
func WriteFile(path string, h *History) (err error) {
	write, err := writerFor(path)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write history %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write history %s: %w", path, errors.Join(err, os.Remove(tmp.Name())))
		}
	}()
	out := bufio.NewWriterSize(tmp, 256<<10)
	err = write(out, h)
	if err == nil {
		err = out.Flush()
	}
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// Encode writes h in the binary format.
func Encode(w io.Writer, h *History) error {
	header := h.Header
	if err := header.check(); err != nil {
		return err
	}
	var out blockWriter
	if err := writeStart(&out, w, &header); err != nil {
		return err
	}
	writeJSON := func(kind blockType, v any) error {
		payload, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		return out.write(kind, payload, false)
	}
	for i := range h.Faults {
		if err := writeJSON(blockFault, &h.Faults[i]); err != nil {
			return err
		}
	}
	for i := range h.Events {
		if err := writeJSON(blockEvent, &h.Events[i]); err != nil {
			return err
		}
	}
	var enc opsEncoder
	all := batch{h.Ops, h.mops, h.lists}
	names := tables{strings: h.Strings, texts: h.Texts, keys: h.KeyNames}
	if err := enc.writeCut(&out, Never, names, &all, &batch{}); err != nil {
		return err
	}
	mops := 0
	for i := range h.Ops {
		mops += int(h.Ops[i].mopLen)
	}
	return writeJSON(blockEnd, &endBlock{
		Ops: int64(len(h.Ops)), Mops: int64(mops),
		Faults: int64(len(h.Faults)), Events: int64(len(h.Events)), Torn: h.Torn,
	})
}
