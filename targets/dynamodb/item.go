package dynamodb

import (
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/lapse-test/lapse/history"
)

// The attributes of an item: its key, and what a workload keeps in it.
const (
	attrKey     = "k"
	attrValue   = "v"
	attrList    = "l"
	attrSet     = "s"
	attrCounter = "c"
)

type item = map[string]types.AttributeValue

func keyOf(k history.Key) item {
	return item{attrKey: &types.AttributeValueMemberS{Value: k.String()}}
}

func number(v history.Value) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(int64(v), 10)}
}

// reader turns attributes into values; what is no integer is foreign and interned.
type reader struct {
	text func(string) history.Value
}

func (r reader) value(a types.AttributeValue) (history.Value, error) {
	var foreign string
	switch a := a.(type) {
	case nil:
		return history.Absent, nil
	case *types.AttributeValueMemberN:
		if v, err := strconv.ParseInt(a.Value, 10, 64); err == nil {
			return history.Value(v), nil
		}
		foreign = a.Value
	case *types.AttributeValueMemberS:
		foreign = a.Value
	default:
		return history.Absent, fmt.Errorf("an attribute of type %T is no value", a)
	}
	if r.text == nil {
		return history.Absent, fmt.Errorf("%q is no value", foreign)
	}
	return r.text(foreign), nil
}

func (r reader) list(a types.AttributeValue) ([]history.Value, error) {
	var out []history.Value
	switch a := a.(type) {
	case nil:
	case *types.AttributeValueMemberL:
		for _, element := range a.Value {
			v, err := r.value(element)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
	case *types.AttributeValueMemberNS:
		for _, text := range a.Value {
			v, err := r.value(&types.AttributeValueMemberN{Value: text})
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
	default:
		return nil, fmt.Errorf("an attribute of type %T is no list", a)
	}
	return out, nil
}

// see fills in what micro-operation i read out of an item, nil if there is none.
func (r reader) see(txn *history.Txn, i int, it item) error {
	switch txn.Mops[i].Func {
	case history.ReadList, history.ReadSet:
		attr := attrList
		if txn.Mops[i].Func == history.ReadSet {
			attr = attrSet
		}
		list, err := r.list(it[attr])
		if err != nil {
			return err
		}
		txn.SetList(i, list)
	case history.ReadCounter:
		v, err := r.value(it[attrCounter])
		if err != nil {
			return err
		}
		if v == history.Absent {
			v = 0 // a counter that never was
		}
		txn.SetRead(i, v)
	default:
		v, err := r.value(it[attrValue])
		if err != nil {
			return err
		}
		txn.SetRead(i, v)
	}
	return nil
}
