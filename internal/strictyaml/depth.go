package strictyaml

import (
	"bytes"
	"fmt"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// shallow is an error if b is nested too deeply for the library's parser, which calls
// itself. A suspicion that a look at the text gives is settled by the library's lexer, which
// does not, and whose tokens are what the parser gets: brackets in a text are none.
func shallow(b []byte) error {
	line := suspect(b)
	if line == 0 {
		return nil
	}
	deep := false
	err := within(patience, func() error {
		deep = tooDeep(lexer.Tokenize(string(b)))
		return nil
	})
	if err == nil && deep {
		err = fmt.Errorf("[%d:1] here it is nested more than %d deep, which is not read: brackets that are not closed, or keys without values?", line, MaxDepth)
	}
	return err
}

// tooDeep tells whether more than MaxDepth brackets are open at once, or more tokens than
// that follow each other which open a value and are none.
func tooDeep(all token.Tokens) bool {
	open, chain := 0, 0
	for i, t := range all {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			open++
			chain = 0
		case token.SequenceEndType, token.MappingEndType:
			open = max(open-1, 0)
			chain = 0
		case token.SequenceEntryType, token.MappingKeyType, token.MappingValueType, token.AnchorType, token.TagType, token.MergeKeyType:
			chain++
		case token.CommentType:
		default: // of a key, the colon counts
			anchored := i > 0 && all[i-1].Type == token.AnchorType
			if key := i+1 < len(all) && all[i+1].Type == token.MappingValueType; !key && !anchored {
				chain = 0
			}
		}
		if open > MaxDepth || chain > MaxDepth {
			return true
		}
	}
	return false
}

// suspect is the line in which the nesting may exceed MaxDepth, or 0. It counts brackets that
// are open, wherever they stand, and what opens a value without being one: hyphens,
// question marks, anchors, tags and keys that follow each other; those of lines that are
// comments do not count. So it never finds less than there is, and takes text for more.
// Nesting by indentation is bounded by MaxBytes.
func suspect(b []byte) int {
	open, chain := 0, 0
	for i, line := range bytes.Split(b, []byte("\n")) {
		if comment(line) {
			continue
		}
		for _, c := range line {
			switch c {
			case '[', '{':
				open++
			case ']', '}':
				open = max(open-1, 0)
			}
			if open > MaxDepth {
				return i + 1
			}
		}
		for _, word := range bytes.Fields(line) {
			if !opens(word) {
				chain = 0
				continue
			}
			if chain++; chain > MaxDepth {
				return i + 1
			}
		}
	}
	return 0
}

// comment reports that nothing in this line opens a value, because all of it is a comment, or
// text if the line is inside of a quoted one, which only a quote could end.
func comment(line []byte) bool {
	line = bytes.Trim(line, " \t\r")
	return len(line) > 0 && line[0] == '#' && !bytes.ContainsAny(line, "\"'\r")
}

// opens reports that a value is still to come after this word.
func opens(word []byte) bool {
	return bytes.IndexByte([]byte("&!"), word[0]) >= 0 || word[len(word)-1] == ':' || len(word) == 1 && (word[0] == '-' || word[0] == '?')
}
