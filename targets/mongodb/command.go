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
	"github.com/lapse-test/lapse/targets/contents"
	"github.com/lapse-test/lapse/targets/outcome"
)

// Each key has a document of each kind of data, so that nothing of one kind hinders
// another. The value, list, set or counter is its field v.
const field = "v"

// document is that of what m is about.
func document(m *history.Mop) bson.D {
	return bson.D{{Key: "_id", Value: string(contents.KindOf(m.Func)) + ":" + m.Key.String()}}
}

// command carries out micro-operation i, as part of a transaction if ctx has one.
func command(ctx context.Context, data *mongo.Collection, txn *history.Txn, i int, r reader) error {
	m := &txn.Mops[i]
	switch m.Func {
	case history.Read, history.ReadList, history.ReadSet, history.ReadCounter:
		return r.read(ctx, data, txn, i)
	case history.Write:
		return upsert(ctx, data, m, "$set")
	case history.CAS:
		return compareAndSet(ctx, data, m)
	case history.Delete:
		_, err := data.DeleteOne(ctx, document(m))
		return err
	case history.Append:
		return upsert(ctx, data, m, "$push")
	case history.Add:
		return upsert(ctx, data, m, "$addToSet")
	case history.Remove:
		_, err := data.UpdateOne(ctx, document(m), change("$pull", m.Arg))
		return err
	case history.Increment:
		return upsert(ctx, data, m, "$inc")
	}
	return outcome.Refuse("mongodb has no %v", m.Func)
}

// errNothing: what a key has no value by is delete.
var errNothing = &outcome.Refusal{Text: "a write of nothing: use delete"}

func change(operator string, v history.Value) bson.D {
	return bson.D{{Key: operator, Value: bson.D{{Key: field, Value: int64(v)}}}}
}

func upsert(ctx context.Context, data *mongo.Collection, m *history.Mop, operator string) error {
	if m.Arg == history.Absent {
		return errNothing
	}
	_, err := data.UpdateOne(ctx, document(m), change(operator, m.Arg), options.UpdateOne().SetUpsert(true))
	return err
}

// compareAndSet is one findAndModify, or an insert where there must be nothing.
func compareAndSet(ctx context.Context, data *mongo.Collection, m *history.Mop) error {
	if m.Arg == history.Absent {
		return errNothing
	}
	id := document(m)
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

// reader turns documents into values.
type reader struct{ contents.Reader }

func (r reader) read(ctx context.Context, data *mongo.Collection, txn *history.Txn, i int) error {
	raw, err := data.FindOne(ctx, document(&txn.Mops[i])).Raw()
	if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return err
	}
	return contents.See(txn, i, raw.Lookup(field), r.value, r.list) // the zero value of nothing
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
		return r.Foreign(strconv.FormatFloat(v.Double(), 'g', -1, 64))
	case bson.TypeString:
		return r.Foreign(v.StringValue())
	}
	return history.Absent, fmt.Errorf("%w: a field of type %v is no value", contents.ErrForeign, v.Type)
}

func (r reader) list(v bson.RawValue) ([]history.Value, error) {
	if v.Type == 0 {
		return nil, nil
	}
	array, ok := v.ArrayOK()
	if !ok {
		return nil, fmt.Errorf("%w: a field of type %v is no list", contents.ErrForeign, v.Type)
	}
	elements, err := array.Values()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", contents.ErrForeign, err)
	}
	return contents.Each(elements, r.value)
}
