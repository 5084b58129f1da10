package formats

import (
	"bytes"
	"fmt"

	"github.com/lapse-test/lapse/history"
)

// lapseFormat is our own binary format, lapseTextFormat its readable twin. The
// history package reads both; docs/history-format.md describes them.
func lapseFormat() Format {
	return Format{
		Name:    "lapse",
		Summary: "lapse's own compressed histories",
		detect:  func(head []byte) bool { return bytes.HasPrefix(head, []byte("\x89LAPSE")) },
		streams: true,
		read:    decodeLapse,
		write:   history.Encode,
	}
}

func lapseTextFormat() Format {
	return Format{
		Name:    "lapse-jsonl",
		Summary: "lapse's own histories as lines of JSON",
		detect: func(head []byte) bool {
			line, _, _ := bytes.Cut(head, []byte("\n"))
			return bytes.HasPrefix(head, []byte("{")) && bytes.Contains(line, []byte(`"lapse-history"`))
		},
		streams: true,
		read:    decodeLapse,
		write:   history.EncodeText,
	}
}

// Own is which of lapse's own formats a file that begins with head is in, packed or not;
// empty if it is in none. The binary format is packed already, and not recognised in a pack.
func Own(head []byte) string {
	if text := unpackHead(head); text != nil {
		if ownBinary(text) {
			return ""
		}
		head = text
	}
	for _, f := range []Format{lapseFormat(), lapseTextFormat()} {
		if f.detect(head) {
			return f.Name
		}
	}
	return ""
}

// ownBinary tells whether a file that begins with head is in the binary format. In a pack
// that ends too early it would look like the history of a run that was killed, and so it
// is unpacked as a whole before it is read.
func ownBinary(head []byte) bool { return lapseFormat().detect(head) }

func decodeLapse(in *input) (*history.History, error) {
	from, size := in.rest, in.restSize
	if from == nil {
		from, size = bytes.NewReader(in.data), int64(len(in.data))
	}
	h, err := history.Decode(from, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.label, err)
	}
	return h, nil
}
