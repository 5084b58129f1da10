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

func decodeLapse(in *input) (*history.History, error) {
	from := in.rest
	if from == nil {
		from = bytes.NewReader(in.data)
	}
	h, err := history.Decode(from)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.label, err)
	}
	return h, nil
}
