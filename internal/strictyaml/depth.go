package strictyaml

import (
	"fmt"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// shallow is an error if b is nested too deeply for the library's parser, which calls
// itself. The library's lexer, which does not, tells: its tokens are what the parser gets, so
// that brackets in a text or a comment are none.
func shallow(b []byte) error {
	var deep *token.Token
	err := within(patience, func() error {
		deep = tooDeep(lexer.Tokenize(string(b)))
		return nil
	})
	if err == nil && deep != nil {
		err = fmt.Errorf("[%d:1] here it is nested more than %d deep, which is not read: brackets that are not closed, or keys without values?", deep.Position.Line, MaxDepth)
	}
	return err
}

// tooDeep is the first token at which more than MaxDepth brackets are open at once, or more
// tokens than that follow each other which open a value and are none; nil if there is none.
// Nesting by indentation is bounded by MaxBytes.
func tooDeep(all token.Tokens) *token.Token {
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
			return t
		}
	}
	return nil
}
