package grace_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lapse-test/lapse/internal/grace"
)

func TestAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		lasting, end := grace.After(ctx, time.Second)
		defer end()
		time.Sleep(time.Hour)
		interrupt()
		time.Sleep(time.Second - 1)
		synctest.Wait()
		if lasting.Err() != nil {
			t.Error("it ended before its time")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if lasting.Err() == nil {
			t.Error("it goes on after its time")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		lasting, end := grace.After(t.Context(), time.Second)
		end()
		if lasting.Err() == nil {
			t.Error("it goes on though it was ended")
		}
	})
}
