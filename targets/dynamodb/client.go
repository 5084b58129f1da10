package dynamodb

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/contents"
	"github.com/lapse-test/lapse/targets/outcome"
)

// client is one session. It implements targets.Client.
type client struct {
	conn       *conn
	table      string
	consistent bool
	read       reader
}

var _ targets.Client = (*client)(nil)

func newClient(a access, table string, set settings, session targets.Session) *client {
	return &client{conn: a.connect(session.Life), table: table, consistent: set.consistent, read: reader{Reader: contents.Reader{Text: session.Text}}}
}

// Do implements targets.Client. There is one node, whatever at says.
func (c *client) Do(ctx context.Context, _ int, txn *history.Txn) targets.Result {
	writes := 0
	for i := range txn.Mops {
		if txn.Mops[i].Func.Writes() {
			writes++
		}
	}
	before := c.conn.dialer.Sent()
	var err error
	switch {
	case writes > 0 && writes < len(txn.Mops):
		err = errMixed
	case writes > 0:
		err = c.write(ctx, txn)
	case len(txn.Mops) == 1:
		err = c.readOne(ctx, txn)
	default:
		err = c.readAll(ctx, txn)
	}
	res := errorTable.Result(0, outcome.Operation{Writes: writes > 0, Sent: c.conn.dialer.Sent() != before}, err)
	if res.Outcome == history.Fail {
		c.mismatched(err, txn)
		res.Note = served(err)
	}
	return res
}

var errMixed = outcome.Refuse("a transaction that reads and writes: DynamoDB has only such that do one of both")

func (c *client) readOne(ctx context.Context, txn *history.Txn) error {
	out, err := c.conn.GetItem(ctx, &sdk.GetItemInput{
		TableName: &c.table, Key: keyOf(txn.Mops[0].Key), ConsistentRead: aws.Bool(c.consistent),
	})
	if err != nil {
		return err
	}
	return c.read.see(txn, 0, out.Item)
}

// readAll reads several items at one moment, whatever the level: TransactGetItems
// is serializable with every transaction and with every single write.
func (c *client) readAll(ctx context.Context, txn *history.Txn) error {
	in := &sdk.TransactGetItemsInput{}
	for i := range txn.Mops {
		in.TransactItems = append(in.TransactItems, types.TransactGetItem{
			Get: &types.Get{TableName: &c.table, Key: keyOf(txn.Mops[i].Key)},
		})
	}
	out, err := c.conn.TransactGetItems(ctx, in)
	if err != nil {
		return err
	}
	if len(out.Responses) != len(txn.Mops) {
		return fmt.Errorf("%d answers for %d items", len(out.Responses), len(txn.Mops))
	}
	for i, response := range out.Responses {
		if err := c.read.see(txn, i, response.Item); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) write(ctx context.Context, txn *history.Txn) error {
	var all []change
	for i := range txn.Mops {
		list, err := changes(&txn.Mops[i])
		if err != nil {
			return err
		}
		all = append(all, list...)
	}
	if len(all) == 1 {
		return all[0].alone(ctx, c.conn, c.table)
	}
	in := &sdk.TransactWriteItemsInput{}
	for _, ch := range all {
		in.TransactItems = append(in.TransactItems, ch.transactItem(c.table))
	}
	_, err := c.conn.TransactWriteItems(ctx, in)
	return err
}

// mismatched records what DynamoDB told of compare-and-sets whose condition was false.
func (c *client) mismatched(err error, txn *history.Txn) {
	reasons := cancellation(err)
	if len(reasons) != len(txn.Mops) {
		return // with a transfer in it they are not one a micro-operation
	}
	for i, reason := range reasons {
		m := &txn.Mops[i]
		if m.Func != history.CAS || aws.ToString(reason.Code) != conditionFailed {
			continue
		}
		if v, err := c.read.value(reason.Item[attrValue]); err == nil {
			txn.SetRead(i, v)
		}
		m.Flags |= history.Mismatched
	}
}

// Close implements targets.Client.
func (c *client) Close() error { return c.conn.Close() }
