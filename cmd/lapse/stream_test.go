package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"

	"github.com/lapse-test/lapse/history"
)

// recordCommand is a command of the tests: it records a history of so many operations into
// a file, in a process of its own, because what a process once held counts for the memory
// of those that it starts.
const recordCommand = "record-registers"

func recordMain() {
	ops, err := strconv.Atoi(os.Args[2])
	if err == nil {
		err = recordRegisters(os.Args[1], ops, 50, 10_000)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// recordRegisters records a history of a correct store: clients have an operation open at
// the same time, a third of them writes.
func recordRegisters(path string, ops, clients, keys int) (err error) {
	header := history.Header{Source: history.SourceLapse, Initial: history.Absent, Nodes: []string{"n1", "n2", "n3"}, Levels: []string{"", "QUORUM"}}
	r, err := history.Create(path, header)
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	rng := rand.New(rand.NewPCG(1, 2))
	state := make([]history.Value, keys)
	for i := range state {
		state[i] = history.Absent
	}
	type client struct {
		c   *history.Client
		txn history.Txn
	}
	all := make([]client, clients)
	for i := range all {
		all[i] = client{r.Client(), history.Txn{Mops: make([]history.Mop, 1)}}
	}
	for done := 0; done < ops; {
		n := min(clients, ops-done)
		for i := range n {
			m := &all[i].txn.Mops[0]
			*m = history.Mop{Func: history.Read, Key: history.Key(rng.IntN(keys))}
			if rng.IntN(3) == 0 {
				m.Func, m.Arg = history.Write, history.Value(done+i+1)
			}
			if err := all[i].c.Invoke(int32(i), int16(i%3), 1, 1, &all[i].txn); err != nil {
				return fmt.Errorf("recording: %w", err)
			}
		}
		for _, i := range rng.Perm(n) {
			x := &all[i]
			m := &x.txn.Mops[0]
			if m.Func == history.Write {
				state[m.Key] = m.Arg
			} else {
				x.txn.SetRead(0, state[m.Key])
			}
			if err := x.c.Complete(history.OK, &x.txn, int16(i%3), "", "n1 n2"); err != nil {
				return fmt.Errorf("recording: %w", err)
			}
		}
		done += n
	}
	return nil
}
