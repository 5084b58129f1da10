package nats

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/wire"
)

// TestDeaf: a server carries out what a user may publish, also where the user may not hear the answer.
func TestDeaf(t *testing.T) {
	source, err := source(versions[0])
	if err != nil {
		t.Fatal(err)
	}
	found, err := source.Find(t.Context(), Built())
	if err != nil {
		t.Fatal(err)
	}
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listen.Addr().String()
	if err := listen.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "nats.conf")
	text := fmt.Sprintf(`listen: %q
jetstream { store_dir: %q, max_file_store: 64MB }
authorization { users: [
  {user: all, password: a}
  {user: deaf, password: a, permissions: {publish: ">", subscribe: nothing}}
  {user: mute, password: a, permissions: {publish: nothing, subscribe: ">"}}
] }
`, addr, filepath.Join(dir, "data"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	server := exec.Command(found.Paths[program], "-c", file)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait() // it was killed
	})
	as := func(user string) *store {
		return newStore("b", []access{{Access: wire.Access{Addr: addr, User: user, Password: "a"}}}, targets.Config{OpTimeout: 2 * time.Second})
	}
	all := as("all")
	starting, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := cluster.Await(starting, "the bucket to be made", func(ctx context.Context) error {
		return all.with(ctx, 0, func(ctx context.Context, l *link) error { return l.create(ctx, all.config(1, "")) })
	}); err != nil {
		t.Fatal(err)
	}
	do := func(s *store, m history.Mop) (targets.Result, *history.Txn) {
		c := s.open(targets.Session{})
		defer func() { _ = c.Close() }()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		txn := &history.Txn{Mops: []history.Mop{m}}
		return c.Do(ctx, 0, txn), txn
	}
	for i, c := range []struct {
		user string
		want history.Outcome
	}{{"deaf", history.Info}, {"mute", history.Fail}} {
		key := history.Key(i)
		res, _ := do(as(c.user), history.Mop{Func: history.Write, Key: key, Arg: 7})
		if res.Outcome != c.want {
			t.Errorf("%s: %v (%v), want %v", c.user, res.Outcome, res.Err, c.want)
		}
		// Who hears no answer is told of that before the server has taken the write, which another connection's read may overtake.
		seen := func(context.Context) error {
			read, txn := do(all, history.Mop{Func: history.Read, Key: key})
			if got := txn.Mops[0]; read.Outcome != history.OK || (got.Ret == 7) != (c.want == history.Info) {
				return fmt.Errorf("%+v is there, and the read is %v", got, read.Outcome)
			}
			return nil
		}
		looking, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		if err := cluster.Await(looking, "the write of "+c.user, seen); err != nil {
			t.Error(err)
		}
		cancel()
	}
}
