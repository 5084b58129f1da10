package kubernetes

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/lapse-test/lapse/targets/cluster/kubernetes/inpod"
)

// Bounds of what comes out of a container, which is not to be trusted: an answer is a line that
// names the addresses that are cut off, and kubelet passes on 32 kB at a time.
const (
	mostLine    = 1 << 20
	mostMessage = 4 << 20
	mostQuoted  = 200 // of a line that is no answer
)

// lines makes answers of the bytes of a stream, which may come in any pieces.
type lines struct{ rest []byte }

// add returns the answers that text completes. Its error is a line behind them that is none, or
// one that does not end.
func (l *lines) add(text []byte) (answers []inpod.Answer, err error) {
	for {
		piece, after, whole := bytes.Cut(text, []byte("\n"))
		if len(l.rest)+len(piece) > mostLine {
			return answers, fmt.Errorf("it says a line of more than %d bytes", mostLine)
		}
		l.rest = append(l.rest, piece...)
		if !whole {
			return answers, nil
		}
		var answer inpod.Answer
		if err := json.Unmarshal(l.rest, &answer); err != nil {
			return answers, fmt.Errorf("it says %q", l.rest[:min(len(l.rest), mostQuoted)])
		}
		answers = append(answers, answer)
		l.rest, text = l.rest[:0], after
	}
}
