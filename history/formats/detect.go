package formats

import (
	"bytes"
	"fmt"
	"strings"
)

// headSize is the number of bytes by which a file's format is recognised.
const headSize = 4096

// detect recognises the format of in.
func detect(in *input) (*Format, error) {
	head := in.data[:min(len(in.data), headSize)]
	if len(bytes.TrimSpace(head)) == 0 {
		return nil, fmt.Errorf("%s is empty", in.label)
	}
	all := registry()
	for i := range all {
		if all[i].detect != nil && all[i].detect(head) {
			return &all[i], nil
		}
	}
	return nil, fmt.Errorf("%s is in no format that is recognised (it begins with %s); name one with --format: %s; a log of your own, such as CSV or what "+
		"a test writes for Porcupine, is converted by a short program: docs/formats.md has one",
		in.label, show(head), strings.Join(Names(), ", "))
}

// firstLine is the first line of head that is neither empty nor a comment.
func firstLine(head []byte, comments ...string) string {
next:
	for line := range strings.Lines(string(head)) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		for _, c := range comments {
			if strings.HasPrefix(line, c) {
				continue next
			}
		}
		return line
	}
	return ""
}

// squeeze is the beginning of head without white space and commas, which is
// enough to tell JSON from EDN.
func squeeze(head []byte) string {
	var b strings.Builder
	for _, c := range head {
		switch c {
		case ' ', '\t', '\r', '\n', ',':
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
