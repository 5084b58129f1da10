package strictyaml

import (
	"errors"
	"reflect"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// firstUnknown is the unknown key that stands first in b if err is about one: of several the
// library names any. v is of the type that b was read over. What comes after a key that is
// known to be unknown is left out, and the rest read again, until no other one is found.
func firstUnknown(b []byte, v any, err error) error {
	var found *yaml.UnknownFieldError
	if !errors.As(err, &found) {
		return err
	}
	file, broken := parser.ParseBytes(b, 0)
	if broken != nil || len(file.Docs) != 1 {
		return err
	}
	for {
		at := found.Token.Position
		ast.Walk(before{at}, file.Docs[0].Body)
		again := yaml.NodeToValue(file.Docs[0].Body, reflect.New(reflect.TypeOf(v).Elem()).Interface(), yaml.Strict(), yaml.DisallowUnknownField())
		var earlier *yaml.UnknownFieldError
		if !errors.As(again, &earlier) || !stands(earlier.Token.Position, at) {
			return found
		}
		found = earlier
	}
}

// before takes all keys and all entries of lists out of a tree that do not stand before a
// place.
type before struct{ place *token.Position }

// Visit implements ast.Visitor.
func (b before) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.MappingNode:
		kept := n.Values[:0]
		for _, v := range n.Values {
			if stands(v.Key.GetToken().Position, b.place) {
				kept = append(kept, v)
			}
		}
		n.Values = kept
	case *ast.SequenceNode:
		kept := n.Values[:0]
		for _, v := range n.Values {
			if v != nil && stands(v.GetToken().Position, b.place) {
				kept = append(kept, v)
			}
		}
		n.Values = kept
	}
	return b
}

// stands tells whether a stands before b.
func stands(a, b *token.Position) bool {
	return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
}
