package mysql

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/outcome"
)

// tables are made in a database of the run's own. A register keeps a version that each
// write raises by one, and that orders the writes of a key. A deleted register is a row
// without a value, so that its versions go on. The statements are MySQL's, so that
// nothing of MariaDB's own is needed of an external cluster.
var tables = []string{
	`CREATE TABLE registers (k INT PRIMARY KEY, v BIGINT, version BIGINT NOT NULL) ENGINE=InnoDB`,
	`CREATE TABLE lists (k INT PRIMARY KEY, elements LONGTEXT NOT NULL) ENGINE=InnoDB`,
	`CREATE TABLE sets (k INT NOT NULL, element BIGINT NOT NULL, PRIMARY KEY (k, element)) ENGINE=InnoDB`,
	`CREATE TABLE counters (k INT PRIMARY KEY, v BIGINT NOT NULL) ENGINE=InnoDB`,
	`CREATE TABLE ids (id BIGINT AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB`,
	`CREATE TABLE probe (id INT PRIMARY KEY, v BIGINT NOT NULL) ENGINE=InnoDB`,
}

// LAST_INSERT_ID(expr) brings a number back with the answer of the statement itself.
const (
	sqlRead  = `SELECT v, version FROM registers WHERE k = ?`
	sqlWrite = `INSERT INTO registers (k, v, version) VALUES (?, ?, LAST_INSERT_ID(1))
ON DUPLICATE KEY UPDATE v = VALUES(v), version = LAST_INSERT_ID(version + 1)`
	sqlCAS = `UPDATE registers SET v = ?, version = LAST_INSERT_ID(version + 1) WHERE k = ? AND v = ?`
	// sqlCASAbsent expects that there is no value. Assignments are made in their order.
	sqlCASAbsent = `INSERT INTO registers (k, v, version) VALUES (?, ?, LAST_INSERT_ID(1))
ON DUPLICATE KEY UPDATE version = IF(v IS NULL, LAST_INSERT_ID(version + 1), version), v = IF(v IS NULL, VALUES(v), v)`

	sqlAppend   = `INSERT INTO lists (k, elements) VALUES (?, ?) ON DUPLICATE KEY UPDATE elements = CONCAT(elements, ',', VALUES(elements))`
	sqlReadList = `SELECT elements FROM lists WHERE k = ?`

	sqlAdd     = `INSERT INTO sets (k, element) VALUES (?, ?) ON DUPLICATE KEY UPDATE element = VALUES(element)`
	sqlRemove  = `DELETE FROM sets WHERE k = ? AND element = ?`
	sqlReadSet = `SELECT element FROM sets WHERE k = ?`

	sqlIncrement   = `INSERT INTO counters (k, v) VALUES (?, ?) ON DUPLICATE KEY UPDATE v = v + VALUES(v)`
	sqlReadCounter = `SELECT v FROM counters WHERE k = ?`

	sqlGenerate = `INSERT INTO ids VALUES ()`

	// The two halves of a transfer.
	sqlWithdraw = `UPDATE registers SET v = v - ?, version = version + 1 WHERE k = ? AND v >= ?`
	sqlDeposit  = `UPDATE registers SET v = v + ?, version = version + 1 WHERE k = ? AND v IS NOT NULL`
)

// run carries out micro-operation i of txn on c and notes what it saw. A *outcome.Refusal says
// that its condition did not hold.
func run(ctx context.Context, c *conn, txn *history.Txn, i int) error {
	m := &txn.Mops[i]
	key := int64(m.Key)
	switch m.Func {
	case history.Read:
		return readRegister(ctx, c, txn, i)
	case history.Write, history.Delete:
		value := toNull(m.Arg)
		if m.Func == history.Delete {
			value = nil
		}
		d, err := c.exec(ctx, sqlWrite, key, value)
		if err == nil {
			txn.SetVersion(i, d.id)
		}
		return err
	case history.CAS:
		return compareAndSet(ctx, c, txn, i)
	case history.Append:
		return c.execute(ctx, sqlAppend, key, int64(m.Arg))
	case history.ReadList:
		text, err := c.text(ctx, sqlReadList, key)
		if err != nil {
			return err
		}
		return setList(txn, i, strings.FieldsFunc(text, func(r rune) bool { return r == ',' }))
	case history.Add:
		return c.execute(ctx, sqlAdd, key, int64(m.Arg))
	case history.Remove:
		return c.execute(ctx, sqlRemove, key, int64(m.Arg))
	case history.ReadSet:
		r, err := c.query(ctx, sqlReadSet, key)
		if err != nil {
			return err
		}
		elements := make([]driver.Value, len(r.values))
		for j, row := range r.values {
			elements[j] = row[0]
		}
		return setList(txn, i, elements)
	case history.Increment:
		return c.execute(ctx, sqlIncrement, key, int64(m.Arg))
	case history.ReadCounter:
		v, ok, err := c.one(ctx, sqlReadCounter, key)
		n := int64(0) // a counter that never was
		if err == nil && ok {
			n, err = integer(v)
		}
		if err == nil {
			txn.SetRead(i, history.Value(n))
		}
		return err
	case history.Generate:
		d, err := c.exec(ctx, sqlGenerate)
		if err == nil {
			txn.SetRead(i, history.Value(d.id))
		}
		return err
	case history.Transfer:
		if err := changesOne(ctx, c, outcome.ErrInsufficient, sqlWithdraw, int64(m.Expect), key, int64(m.Expect)); err != nil {
			return err
		}
		return changesOne(ctx, c, outcome.ErrNoAccount, sqlDeposit, int64(m.Expect), int64(m.Arg))
	}
	return &outcome.Refusal{Text: fmt.Sprintf("mysql has no %v", m.Func)}
}

func readRegister(ctx context.Context, c *conn, txn *history.Txn, i int) error {
	r, err := c.query(ctx, sqlRead, int64(txn.Mops[i].Key))
	if err != nil {
		return err
	}
	if len(r.values) == 0 {
		txn.SetRead(i, history.Absent)
		return nil
	}
	value := history.Absent
	if v := r.values[0][0]; v != nil {
		n, err := integer(v)
		if err != nil {
			return err
		}
		value = history.Value(n)
	}
	version, err := integer(r.values[0][1])
	if err != nil {
		return err
	}
	txn.SetRead(i, value)
	txn.SetVersion(i, version)
	return nil
}

func compareAndSet(ctx context.Context, c *conn, txn *history.Txn, i int) error {
	m := &txn.Mops[i]
	sql, args := sqlCAS, []any{toNull(m.Arg), int64(m.Key), int64(m.Expect)}
	if m.Expect == history.Absent {
		sql, args = sqlCASAbsent, []any{int64(m.Key), toNull(m.Arg)}
	}
	d, err := c.exec(ctx, sql, args...)
	switch {
	case err != nil:
		return err
	case d.changed == 0:
		m.Flags |= history.Mismatched
		return outcome.ErrMismatch
	}
	txn.SetVersion(i, d.id)
	return nil
}

// changesOne executes sql and returns otherwise if it changed no row.
func changesOne(ctx context.Context, c *conn, otherwise error, sql string, args ...any) error {
	d, err := c.exec(ctx, sql, args...)
	if err == nil && d.changed == 0 {
		return otherwise
	}
	return err
}

func setList[T any](txn *history.Txn, i int, elements []T) error {
	list := make([]history.Value, len(elements))
	for j, e := range elements {
		n, err := integer(any(e))
		if err != nil {
			return err
		}
		list[j] = history.Value(n)
	}
	txn.SetList(i, list)
	return nil
}

// toNull is a value for a column that is NULL when there is none.
func toNull(v history.Value) any {
	if v == history.Absent {
		return nil
	}
	return int64(v)
}
