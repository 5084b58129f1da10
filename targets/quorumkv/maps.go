package quorumkv

import (
	"context"
	"fmt"
	"strings"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// field does what is done to the key of txn as a field of a map, a set.
func (c *session) field(ctx context.Context, conn *client.Client, key string, txn *history.Txn) (note string, err error) {
	m := &txn.Mops[0]
	by := protocol.FieldChange{Field: c.system.cfg.Fields.Field(m.Key)}
	switch m.Func {
	case history.ReadSet:
		got, err := conn.Fields(ctx, key, c.level())
		if err != nil {
			return "", err
		}
		var elements []string
		for _, f := range got.Fields {
			if f.Field == by.Field && f.Type == string(engine.Set) {
				elements = f.Elements
			}
		}
		txn.SetList(0, c.elements(elements))
		return "answered by " + strings.Join(got.Answered, " "), nil
	case history.Add:
		by.Add = element(m.Arg)
	case history.Remove:
		by.Remove = element(m.Arg)
	case history.Clear:
		by.Drop = true
	default:
		return "", &client.Error{Failure: protocol.Failure{Outcome: protocol.NotWritten, Message: fmt.Sprintf("fields of maps are sets here, and %s is for none", m.Func)}}
	}
	w, err := conn.ChangeField(ctx, key, by, c.system.cfg.WriteLevel)
	return ackedNote(w), err
}
