package dynamodb

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/outcome"
)

// change describes a writing micro-operation's effect on one item: the parameters that
// PutItem, UpdateItem and DeleteItem share with the items of a transaction.
type change struct {
	kind      changeKind
	key       item
	put       item
	update    *string
	condition *string
	values    item
}

type changeKind int

const (
	putting changeKind = iota
	updating
	deleting
)

// changes are those of a micro-operation: one, or two for a transfer.
func changes(m *history.Mop) ([]change, error) {
	key := keyOf(m.Key)
	switch m.Func {
	case history.Write, history.CAS:
		if m.Arg == history.Absent {
			return nil, outcome.Refuse("%v of nothing: use delete", m.Func)
		}
		c := change{kind: putting, put: item{attrKey: key[attrKey], attrValue: number(m.Arg)}}
		if m.Func == history.CAS {
			if m.Expect == history.Absent {
				c.condition = aws.String("attribute_not_exists(v)")
			} else {
				c.condition = aws.String("v = :expect")
				c.values = item{":expect": number(m.Expect)}
			}
		}
		return []change{c}, nil
	case history.Delete:
		return []change{{kind: deleting, key: key}}, nil
	case history.Append:
		return []change{{
			kind: updating, key: key, update: aws.String("SET l = list_append(if_not_exists(l, :none), :one)"),
			values: item{
				":none": &types.AttributeValueMemberL{Value: []types.AttributeValue{}},
				":one":  &types.AttributeValueMemberL{Value: []types.AttributeValue{number(m.Arg)}},
			},
		}}, nil
	case history.Add, history.Remove:
		expression := "ADD s :one"
		if m.Func == history.Remove {
			expression = "DELETE s :one"
		}
		one := number(m.Arg).(*types.AttributeValueMemberN).Value
		return []change{{
			kind: updating, key: key, update: aws.String(expression),
			values: item{":one": &types.AttributeValueMemberNS{Value: []string{one}}},
		}}, nil
	case history.Increment:
		return []change{{kind: updating, key: key, update: aws.String("ADD c :n"), values: item{":n": number(m.Arg)}}}, nil
	case history.Transfer:
		if history.Key(m.Arg) == m.Key {
			return nil, outcome.Refuse("a transfer from an account to itself")
		}
		return []change{
			{
				kind: updating, key: key, update: aws.String("SET v = v - :n"), condition: aws.String("v >= :n"),
				values: item{":n": number(m.Expect)},
			},
			{
				kind: updating, key: keyOf(history.Key(m.Arg)), update: aws.String("SET v = v + :n"), condition: aws.String("attribute_exists(v)"),
				values: item{":n": number(m.Expect)},
			},
		}, nil
	}
	return nil, outcome.Refuse("dynamodb has no %v", m.Func)
}

// allOld asks for the item that made a condition false.
const allOld = types.ReturnValuesOnConditionCheckFailureAllOld

// alone makes the change by a call of its own.
func (c change) alone(ctx context.Context, at *conn, table string) (err error) {
	switch c.kind {
	case putting:
		_, err = at.PutItem(ctx, &sdk.PutItemInput{
			TableName: &table, Item: c.put, ConditionExpression: c.condition, ExpressionAttributeValues: c.values,
			ReturnValuesOnConditionCheckFailure: allOld,
		})
	case updating:
		_, err = at.UpdateItem(ctx, &sdk.UpdateItemInput{
			TableName: &table, Key: c.key, UpdateExpression: c.update, ConditionExpression: c.condition,
			ExpressionAttributeValues: c.values, ReturnValuesOnConditionCheckFailure: allOld,
		})
	case deleting:
		_, err = at.DeleteItem(ctx, &sdk.DeleteItemInput{TableName: &table, Key: c.key})
	}
	return err
}

// transactItem is the change as a part of a transaction.
func (c change) transactItem(table string) types.TransactWriteItem {
	switch c.kind {
	case putting:
		return types.TransactWriteItem{Put: &types.Put{
			TableName: &table, Item: c.put, ConditionExpression: c.condition, ExpressionAttributeValues: c.values,
			ReturnValuesOnConditionCheckFailure: allOld,
		}}
	case updating:
		return types.TransactWriteItem{Update: &types.Update{
			TableName: &table, Key: c.key, UpdateExpression: c.update, ConditionExpression: c.condition,
			ExpressionAttributeValues: c.values, ReturnValuesOnConditionCheckFailure: allOld,
		}}
	}
	return types.TransactWriteItem{Delete: &types.Delete{TableName: &table, Key: c.key}}
}
