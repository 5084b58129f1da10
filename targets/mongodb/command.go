package mongodb

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/outcome"
)

// The kinds of data: each key has a document of each, so that nothing of one kind
// hinders another. The value, list, set or counter is its field v.
const (
	kindValue   = "value:"
	kindList    = "list:"
	kindSet     = "set:"
	kindCounter = "counter:"
)

const field = "v"

// functions are those that command knows.
var functions = []history.Func{
	history.Read, history.Write, history.CAS, history.Delete,
	history.Append, history.ReadList,
	history.Add, history.Remove, history.ReadSet,
	history.Increment, history.ReadCounter,
}

func document(kind string, k history.Key) bson.D {
	return bson.D{{Key: "_id", Value: kind + k.String()}}
}

// command carries out micro-operation i, as part of a transaction if ctx has one.
func command(ctx context.Context, data *mongo.Collection, txn *history.Txn, i int, r reader) error {
	m := &txn.Mops[i]
	switch m.Func {
	case history.Read:
		return r.read(ctx, data, kindValue, txn, i)
	case history.ReadList:
		return r.read(ctx, data, kindList, txn, i)
	case history.ReadSet:
		return r.read(ctx, data, kindSet, txn, i)
	case history.ReadCounter:
		return r.read(ctx, data, kindCounter, txn, i)
	case history.Write:
		return upsert(ctx, data, kindValue, m, "$set")
	case history.CAS:
		return compareAndSet(ctx, data, m)
	case history.Delete:
		_, err := data.DeleteOne(ctx, document(kindValue, m.Key))
		return err
	case history.Append:
		return upsert(ctx, data, kindList, m, "$push")
	case history.Add:
		return upsert(ctx, data, kindSet, m, "$addToSet")
	case history.Remove:
		_, err := data.UpdateOne(ctx, document(kindSet, m.Key), change("$pull", m.Arg))
		return err
	case history.Increment:
		return upsert(ctx, data, kindCounter, m, "$inc")
	}
	return &outcome.Refusal{Text: fmt.Sprintf("mongodb has no %v", m.Func)}
}

// errNothing: what a key has no value by is delete.
var errNothing = &outcome.Refusal{Text: "a write of nothing: use delete"}

func change(operator string, v history.Value) bson.D {
	return bson.D{{Key: operator, Value: bson.D{{Key: field, Value: int64(v)}}}}
}

func upsert(ctx context.Context, data *mongo.Collection, kind string, m *history.Mop, operator string) error {
	if m.Arg == history.Absent {
		return errNothing
	}
	_, err := data.UpdateOne(ctx, document(kind, m.Key), change(operator, m.Arg), options.UpdateOne().SetUpsert(true))
	return err
}

// compareAndSet is one findAndModify, or an insert where there must be nothing.
func compareAndSet(ctx context.Context, data *mongo.Collection, m *history.Mop) error {
	if m.Arg == history.Absent {
		return errNothing
	}
	id := document(kindValue, m.Key)
	var err error
	if m.Expect == history.Absent {
		_, err = data.InsertOne(ctx, append(id, bson.E{Key: field, Value: int64(m.Arg)}))
		if !mongo.IsDuplicateKeyError(err) {
			return err
		}
	} else {
		err = data.FindOneAndUpdate(ctx, append(id, bson.E{Key: field, Value: int64(m.Expect)}), change("$set", m.Arg)).Err()
		if !errors.Is(err, mongo.ErrNoDocuments) {
			return err
		}
	}
	m.Flags |= history.Mismatched
	return errMismatch
}

// reader turns documents into values; what is no integer is foreign and interned.
type reader struct {
	text func(string) history.Value
}

func (r reader) read(ctx context.Context, data *mongo.Collection, kind string, txn *history.Txn, i int) error {
	m := &txn.Mops[i]
	raw, err := data.FindOne(ctx, document(kind, m.Key)).Raw()
	if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return err
	}
	found := raw.Lookup(field) // the zero value of nothing
	if m.Func == history.ReadList || m.Func == history.ReadSet {
		list, err := r.list(found)
		if err == nil {
			txn.SetList(i, list)
		}
		return err
	}
	v, err := r.value(found)
	if err != nil {
		return err
	}
	if m.Func == history.ReadCounter && v == history.Absent {
		v = 0 // a counter that never was
	}
	txn.SetRead(i, v)
	return nil
}

func (r reader) value(v bson.RawValue) (history.Value, error) {
	switch v.Type {
	case 0, bson.TypeNull:
		return history.Absent, nil
	case bson.TypeInt64:
		return history.Value(v.Int64()), nil
	case bson.TypeInt32:
		return history.Value(v.Int32()), nil
	case bson.TypeDouble:
		if d := v.Double(); d == math.Trunc(d) && math.Abs(d) < 1<<53 {
			return history.Value(d), nil
		}
		return r.foreign(strconv.FormatFloat(v.Double(), 'g', -1, 64))
	case bson.TypeString:
		return r.foreign(v.StringValue())
	}
	return history.Absent, fmt.Errorf("%w: a field of type %v is no value", errForeign, v.Type)
}

func (r reader) foreign(text string) (history.Value, error) {
	if r.text == nil {
		return history.Absent, fmt.Errorf("%w: %q is no value", errForeign, text)
	}
	return r.text(text), nil
}

func (r reader) list(v bson.RawValue) ([]history.Value, error) {
	if v.Type == 0 {
		return nil, nil
	}
	array, ok := v.ArrayOK()
	if !ok {
		return nil, fmt.Errorf("%w: a field of type %v is no list", errForeign, v.Type)
	}
	elements, err := array.Values()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errForeign, err)
	}
	list := make([]history.Value, len(elements))
	for i, e := range elements {
		if list[i], err = r.value(e); err != nil {
			return nil, err
		}
	}
	return list, nil
}
