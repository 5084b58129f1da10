package dynamodb

import (
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/contents"
)

// The attributes of an item: its key, and what a workload keeps in it.
const (
	attrKey   = "k"
	attrValue = "v"
)

// attributes are those of each kind of data.
var attributes = map[contents.Kind]string{contents.Value: attrValue, contents.List: "l", contents.Set: "s", contents.Counter: "c"}

type item = map[string]types.AttributeValue

func keyOf(k history.Key) item {
	return item{attrKey: &types.AttributeValueMemberS{Value: k.String()}}
}

func number(v history.Value) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(int64(v), 10)}
}

// reader turns attributes into values.
type reader struct{ contents.Reader }

func (r reader) value(a types.AttributeValue) (history.Value, error) {
	switch a := a.(type) {
	case nil:
		return history.Absent, nil
	case *types.AttributeValueMemberN:
		return r.Parse(a.Value)
	case *types.AttributeValueMemberS:
		return r.Foreign(a.Value)
	}
	return history.Absent, fmt.Errorf("an attribute of type %T is no value", a)
}

func (r reader) list(a types.AttributeValue) ([]history.Value, error) {
	switch a := a.(type) {
	case nil:
		return nil, nil
	case *types.AttributeValueMemberL:
		return contents.Each(a.Value, r.value)
	case *types.AttributeValueMemberNS:
		return contents.Each(a.Value, r.Parse)
	}
	return nil, fmt.Errorf("an attribute of type %T is no list", a)
}

// see fills in what micro-operation i read out of an item, nil if there is none.
func (r reader) see(txn *history.Txn, i int, it item) error {
	return contents.See(txn, i, it[attributes[contents.KindOf(txn.Mops[i].Func)]], r.value, r.list)
}
