package dynamodb

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/baseline"
)

// BenchmarkOverhead compares a session with a bare loop over the SDK, as its
// documentation has it.
func BenchmarkOverhead(b *testing.B) {
	d := inSandbox(b)
	bare := sdk.New(sdk.Options{
		BaseEndpoint: aws.String(d.access.endpoint), Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider("lapse", "lapse", ""),
	})
	s := d.session(b)
	ours := func(mops ...history.Mop) func() error {
		return func() error {
			ctx, cancel := context.WithTimeout(d.ctx, 2*time.Second)
			defer cancel()
			s.txn.Reset()
			s.txn.Mops = append(s.txn.Mops, mops...)
			if res := s.c.Do(ctx, 0, &s.txn); res.Outcome != history.OK {
				return fmt.Errorf("%v: %w", res.Outcome, res.Err)
			}
			return nil
		}
	}
	key := item{attrKey: &types.AttributeValueMemberS{Value: history.Key(1).String()}}
	b.Run("read", func(b *testing.B) {
		baseline.Compare(b, func() error {
			_, err := bare.GetItem(d.ctx, &sdk.GetItemInput{TableName: &d.table, Key: key, ConsistentRead: aws.Bool(true)})
			return err
		}, ours(read(1)))
	})
	b.Run("write", func(b *testing.B) {
		baseline.Compare(b, func() error {
			_, err := bare.PutItem(d.ctx, &sdk.PutItemInput{TableName: &d.table, Item: item{attrKey: key[attrKey], attrValue: &types.AttributeValueMemberN{Value: "1"}}})
			return err
		}, ours(write(1, 1)))
	})
	b.Run("transaction", func(b *testing.B) {
		get := func(k history.Key) types.TransactGetItem {
			return types.TransactGetItem{Get: &types.Get{TableName: &d.table, Key: keyOf(k)}}
		}
		baseline.Compare(b, func() error {
			_, err := bare.TransactGetItems(d.ctx, &sdk.TransactGetItemsInput{TransactItems: []types.TransactGetItem{get(1), get(2)}})
			return err
		}, ours(read(1), read(2)))
	})
}
