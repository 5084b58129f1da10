package checkers_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/history"
)

// TestInterruptIsNotTheBudget: of every model, a check that was given up leaves nothing undecided in words of its own, such as those of a context:
// it says that the time ran out, and Interrupted that it was interrupted. Registers, transactions on registers and on lists are different checkers.
func TestInterruptIsNotTheBudget(t *testing.T) {
	for _, c := range []struct {
		name        string
		write, read history.Func
		txn         bool
		least       int // so many models are interrupted
	}{
		{"registers", history.Write, history.Read, false, 10},
		{"transactions on registers", history.Write, history.Read, true, 20},
		{"transactions on lists", history.Append, history.ReadList, true, 20},
	} {
		t.Run(c.name, func(t *testing.T) { interrupted(t, told(t, c.write, c.read, c.txn), c.least) })
	}
}

// told is a history of one session that reads what it wrote, one operation or a transaction of two at a time.
func told(t *testing.T, write, read history.Func, txn bool) *history.History {
	t.Helper()
	b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent})
	lists := map[history.Key][]history.Value{}
	at := history.Time(1)
	end := func(op *history.Txn) {
		b.Add(history.Op{Process: 1, Session: 1, Invoke: at, Complete: at + 1, Outcome: history.OK, Error: -1, Note: -1, Node: -1}, op)
		at += 10
	}
	for i := range 100 {
		k, v := b.Key("k"+strconv.Itoa(i%7)), history.Value(i+1)
		lists[k] = append(lists[k], v)
		var wrote, saw history.Txn
		wrote.Mops = append(wrote.Mops, history.Mop{Func: write, Key: k, Arg: v})
		if txn {
			wrote.Mops = append(wrote.Mops, history.Mop{Func: write, Key: b.Key("more"), Arg: 1000 + v})
		}
		end(&wrote)
		saw.Mops = append(saw.Mops, history.Mop{Func: read, Key: k})
		if read == history.ReadList {
			saw.SetList(0, lists[k])
		} else {
			saw.Mops[0].Ret, saw.Mops[0].Flags = v, history.Observed
		}
		if txn {
			saw.Mops = append(saw.Mops, history.Mop{Func: write, Key: b.Key("other"), Arg: 2000 + v})
		}
		end(&saw)
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// interrupted has every model that applies check h after an interrupt; least of them must have something to say of it.
func interrupted(t *testing.T, h *history.History, least int) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	checked := 0
	for _, e := range registry.All() {
		c := e.New()
		if checkers.NewApplicability(h).Of(c) != nil {
			continue
		}
		v, err := c.Check(ctx, h, checkers.Budget{})
		if err != nil {
			t.Errorf("%s: %v", e.Name, err)
			continue
		}
		if v.Status == checkers.Held {
			continue // decided all the same: so few operations are no work
		}
		checkers.Interrupted(&v)
		said := append([]string{}, v.Reasons...)
		for _, u := range v.Undecided {
			said = append(said, u.Reason)
		}
		all := strings.Join(said, "; ")
		if strings.Contains(all, "context") || strings.Contains(all, checkers.TimeRanOut) {
			t.Errorf("%s says %q", e.Name, all)
		}
		if strings.Contains(all, checkers.Interrupt) {
			checked++
		}
	}
	if checked < least {
		t.Errorf("only %d models were interrupted, want %d", checked, least)
	}
}
