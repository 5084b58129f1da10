package redis

import (
	"context"
	"errors"

	driver "github.com/redis/go-redis/v9"
)

// errTouched: EXEC did nothing, because another client wrote the key after WATCH.
var errTouched = errors.New("another client wrote the key that was watched")

// compareAndSet does by WATCH, GET and MULTI what script asks for (see command), and
// answers as the script does: whether it wrote, and what was there. It is
// how clients without scripts do it ("Transactions: optimistic locking using
// check-and-set").
func (l *link) compareAndSet(ctx context.Context, script []any) ([]any, error) {
	key, expect, value, absent := script[3], script[4], script[5], script[6] == "1"
	if err := l.one(ctx, "WATCH", key).Err(); err != nil {
		return nil, err
	}
	found, err := l.one(ctx, "GET", key).Result()
	if errors.Is(err, driver.Nil) {
		found, err = nil, nil
	}
	if err != nil || absent != (found == nil) || !absent && found != expect {
		// Where that fails as well, the connection is broken, which the next use says.
		if unwatch := l.one(ctx, "UNWATCH").Err(); err == nil {
			err = unwatch
		}
		return []any{[]any{int64(0), found}}, err
	}
	_, err = l.transact(ctx, [][]any{{"SET", key, value}})
	if errors.Is(err, driver.Nil) {
		return nil, errTouched
	}
	return []any{[]any{int64(1), found}}, err
}
