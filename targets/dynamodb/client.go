package dynamodb

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/outcome"
)

// client is one session. It implements targets.Client.
type client struct {
	conn       *conn
	table      string
	consistent bool
	reader     reader
}

var _ targets.Client = (*client)(nil)

func newClient(a access, table string, set settings, session targets.Session) *client {
	return &client{conn: a.connect(session.Life), table: table, consistent: set.consistent, reader: reader{session.Text}}
}

// Do implements targets.Client. There is one node, whatever at says.
func (c *client) Do(ctx context.Context, _ int, txn *history.Txn) targets.Result {
	res := targets.Result{Outcome: history.Fail, Node: 0}
	writes := 0
	for i := range txn.Mops {
		if txn.Mops[i].Func.Writes() {
			writes++
		}
	}
	if writes > 0 && writes < len(txn.Mops) {
		res.Err = errMixed
		return res
	}
	before := c.conn.dialer.Sent()
	var err error
	switch {
	case writes > 0:
		err = c.write(ctx, txn)
	case len(txn.Mops) == 1:
		err = c.readOne(ctx, txn)
	default:
		err = c.readAll(ctx, txn)
	}
	if err == nil {
		res.Outcome = history.OK
		return res
	}
	j := errorTable.Judge(outcome.Operation{Writes: writes > 0, Sent: c.conn.dialer.Sent() != before}, err)
	res.Outcome, res.Err, res.Broken = j.Outcome, j.Err, j.Broken
	if res.Outcome == history.Fail && writes > 0 {
		c.mismatched(err, txn)
	}
	if res.Outcome == history.Fail {
		res.Note = served(err)
	}
	return res
}

var errMixed = errors.New("a transaction that reads and writes: DynamoDB has only such that do one of both")

func (c *client) readOne(ctx context.Context, txn *history.Txn) error {
	out, err := c.conn.GetItem(ctx, &sdk.GetItemInput{
		TableName: &c.table, Key: keyOf(txn.Mops[0].Key), ConsistentRead: aws.Bool(c.consistent),
	})
	if err != nil {
		return err
	}
	return c.reader.see(txn, 0, out.Item)
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
		if err := c.reader.see(txn, i, response.Item); err != nil {
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
			return &notSentError{err}
		}
		all = append(all, list...)
	}
	if len(all) == 1 {
		return c.writeOne(ctx, all[0])
	}
	in := &sdk.TransactWriteItemsInput{}
	for _, ch := range all {
		in.TransactItems = append(in.TransactItems, ch.transactItem(c.table))
	}
	_, err := c.conn.TransactWriteItems(ctx, in)
	return err
}

func (c *client) writeOne(ctx context.Context, ch change) error {
	var err error
	switch ch.kind {
	case putting:
		_, err = c.conn.PutItem(ctx, ch.putInput(c.table))
	case updating:
		_, err = c.conn.UpdateItem(ctx, ch.updateInput(c.table))
	case deleting:
		_, err = c.conn.DeleteItem(ctx, ch.deleteInput(c.table))
	}
	return err
}

// mismatched records what DynamoDB told of a compare-and-set whose condition was
// false.
func (c *client) mismatched(err error, txn *history.Txn) {
	var single *types.ConditionalCheckFailedException
	if errors.As(err, &single) && len(txn.Mops) == 1 {
		c.found(txn, 0, single.Item)
		return
	}
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) || len(cancelled.CancellationReasons) != len(txn.Mops) {
		return // with a transfer in it the reasons are not one a micro-operation
	}
	for i, reason := range cancelled.CancellationReasons {
		if aws.ToString(reason.Code) == "ConditionalCheckFailed" {
			c.found(txn, i, reason.Item)
		}
	}
}

func (c *client) found(txn *history.Txn, i int, it item) {
	m := &txn.Mops[i]
	if m.Func != history.CAS {
		return
	}
	if v, err := c.reader.value(it[attrValue]); err == nil {
		txn.SetRead(i, v)
	}
	m.Flags |= history.Mismatched
}

// Close implements targets.Client.
func (c *client) Close() error { return c.conn.Close() }
