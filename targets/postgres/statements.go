package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/outcome"
)

// The tables, in a schema of the run's own. A register keeps a version that each
// write raises by one: it orders the writes of a key exactly, which xmin would
// not (a transaction takes its number before it gets the row's lock). A deleted
// register is a row without a value, so that its versions go on.
const tables = `
CREATE TABLE registers (key int PRIMARY KEY, value bigint, version bigint NOT NULL);
CREATE TABLE lists (key int PRIMARY KEY, elements bigint[] NOT NULL);
CREATE TABLE sets (key int, element bigint, PRIMARY KEY (key, element));
CREATE TABLE counters (key int PRIMARY KEY, value bigint NOT NULL);
CREATE SEQUENCE ids;
CREATE TABLE queues (id bigserial PRIMARY KEY, key int NOT NULL, element bigint NOT NULL);
CREATE INDEX ON queues (key, id);
CREATE TABLE probe (id int PRIMARY KEY, value bigint NOT NULL);
`

const (
	sqlRead  = `SELECT value, version FROM registers WHERE key = $1`
	sqlWrite = `INSERT INTO registers AS r (key, value, version) VALUES ($1, $2, 1)
ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = r.version + 1 RETURNING version`
	sqlCAS = `UPDATE registers SET value = $3, version = version + 1 WHERE key = $1 AND value = $2 RETURNING version`
	// sqlCASAbsent expects that there is no value.
	sqlCASAbsent = `INSERT INTO registers AS r (key, value, version) VALUES ($1, $2, 1)
ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = r.version + 1 WHERE r.value IS NULL RETURNING version`

	sqlAppend = `INSERT INTO lists AS l (key, elements) VALUES ($1, ARRAY[$2::bigint])
ON CONFLICT (key) DO UPDATE SET elements = l.elements || excluded.elements`
	sqlReadList = `SELECT elements FROM lists WHERE key = $1`

	sqlAdd     = `INSERT INTO sets (key, element) VALUES ($1, $2) ON CONFLICT DO NOTHING`
	sqlRemove  = `DELETE FROM sets WHERE key = $1 AND element = $2`
	sqlReadSet = `SELECT element FROM sets WHERE key = $1`

	sqlIncrement = `INSERT INTO counters AS c (key, value) VALUES ($1, $2)
ON CONFLICT (key) DO UPDATE SET value = c.value + excluded.value`
	sqlReadCounter = `SELECT value FROM counters WHERE key = $1`

	sqlEnqueue = `INSERT INTO queues (key, element) VALUES ($1, $2)`
	// sqlDequeue takes a job as queues on PostgreSQL do: what another client is
	// taking is passed over, not waited for.
	sqlDequeue = `DELETE FROM queues WHERE id =
(SELECT id FROM queues WHERE key = $1 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING element`

	sqlGenerate = `SELECT nextval('ids')`

	// The two halves of a transfer.
	sqlWithdraw = `UPDATE registers SET value = value - $2, version = version + 1 WHERE key = $1 AND value >= $2`
	sqlDeposit  = `UPDATE registers SET value = value + $2, version = version + 1 WHERE key = $1 AND value IS NOT NULL`
)

// run carries out micro-operation i of txn on c and notes what it saw. A *outcome.Refusal
// says that its condition did not hold.
func run(ctx context.Context, c *pgx.Conn, txn *history.Txn, i int) error {
	m := &txn.Mops[i]
	switch m.Func {
	case history.Read:
		var value *int64
		var version int64
		err := c.QueryRow(ctx, sqlRead, int32(m.Key)).Scan(&value, &version)
		if errors.Is(err, pgx.ErrNoRows) {
			txn.SetRead(i, history.Absent)
			return nil
		}
		if err != nil {
			return err
		}
		txn.SetRead(i, fromNull(value))
		txn.SetVersion(i, version)
		return nil
	case history.Write:
		return versioned(ctx, c, txn, i, sqlWrite, int32(m.Key), toNull(m.Arg))
	case history.Delete:
		return versioned(ctx, c, txn, i, sqlWrite, int32(m.Key), (*int64)(nil))
	case history.CAS:
		sql, args := sqlCAS, []any{int32(m.Key), int64(m.Expect), toNull(m.Arg)}
		if m.Expect == history.Absent {
			sql, args = sqlCASAbsent, []any{int32(m.Key), toNull(m.Arg)}
		}
		err := versioned(ctx, c, txn, i, sql, args...)
		if errors.Is(err, pgx.ErrNoRows) {
			m.Flags |= history.Mismatched
			return outcome.ErrMismatch
		}
		return err
	case history.Append:
		return execute(ctx, c, sqlAppend, int32(m.Key), int64(m.Arg))
	case history.ReadList:
		var list []int64
		err := c.QueryRow(ctx, sqlReadList, int32(m.Key)).Scan(&list)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		txn.SetList(i, values(list))
		return nil
	case history.Add:
		return execute(ctx, c, sqlAdd, int32(m.Key), int64(m.Arg))
	case history.Remove:
		return execute(ctx, c, sqlRemove, int32(m.Key), int64(m.Arg))
	case history.ReadSet:
		rows, err := c.Query(ctx, sqlReadSet, int32(m.Key))
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		txn.SetList(i, values(list))
		return nil
	case history.Increment:
		return execute(ctx, c, sqlIncrement, int32(m.Key), int64(m.Arg))
	case history.ReadCounter:
		var value int64
		if err := c.QueryRow(ctx, sqlReadCounter, int32(m.Key)).Scan(&value); err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		txn.SetRead(i, history.Value(value))
		return nil
	case history.Enqueue:
		return execute(ctx, c, sqlEnqueue, int32(m.Key), int64(m.Arg))
	case history.Dequeue:
		var element int64
		err := c.QueryRow(ctx, sqlDequeue, int32(m.Key)).Scan(&element)
		if errors.Is(err, pgx.ErrNoRows) {
			txn.SetRead(i, history.Absent)
			return nil
		}
		if err != nil {
			return err
		}
		txn.SetRead(i, history.Value(element))
		return nil
	case history.Generate:
		var id int64
		if err := c.QueryRow(ctx, sqlGenerate).Scan(&id); err != nil {
			return err
		}
		txn.SetRead(i, history.Value(id))
		return nil
	case history.Transfer:
		if err := changesOne(ctx, c, outcome.ErrInsufficient, sqlWithdraw, int32(m.Key), int64(m.Expect)); err != nil {
			return err
		}
		return changesOne(ctx, c, outcome.ErrNoAccount, sqlDeposit, int32(m.Arg), int64(m.Expect))
	}
	return &outcome.Refusal{Text: fmt.Sprintf("postgres has no %v", m.Func)}
}

func versioned(ctx context.Context, c *pgx.Conn, txn *history.Txn, i int, sql string, args ...any) error {
	var version int64
	if err := c.QueryRow(ctx, sql, args...).Scan(&version); err != nil {
		return err
	}
	txn.SetVersion(i, version)
	return nil
}

func execute(ctx context.Context, c *pgx.Conn, sql string, args ...any) error {
	_, err := c.Exec(ctx, sql, args...)
	return err
}

// changesOne executes sql and returns otherwise if it changed no row.
func changesOne(ctx context.Context, c *pgx.Conn, otherwise error, sql string, args ...any) error {
	tag, err := c.Exec(ctx, sql, args...)
	if err == nil && tag.RowsAffected() == 0 {
		return otherwise
	}
	return err
}

// toNull and fromNull translate between a value and a column that is NULL when
// there is none.
func toNull(v history.Value) *int64 {
	if v == history.Absent {
		return nil
	}
	n := int64(v)
	return &n
}

func fromNull(n *int64) history.Value {
	if n == nil {
		return history.Absent
	}
	return history.Value(*n)
}

func values(list []int64) []history.Value {
	out := make([]history.Value, len(list))
	for i, n := range list {
		out[i] = history.Value(n)
	}
	return out
}
