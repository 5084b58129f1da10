package launch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// logged is a node with a directory of logs.
type logged struct {
	cluster.Node
	name, dir string
}

func (n logged) Name() string   { return n.name }
func (n logged) LogDir() string { return filepath.Join(n.dir, n.name) }

// waitingFleet are the servers of eleven nodes, of which n11 has a log.
func waitingFleet(t *testing.T) *Fleet {
	t.Helper()
	dir := t.TempDir()
	f := New("Store", "store.log", nil, targets.Config{})
	for _, name := range cluster.NodeNames(11) {
		f.Nodes = append(f.Nodes, logged{name: name, dir: dir})
	}
	f.Secrets = []string{"hush"}
	log := filepath.Join(dir, "n11", "store.log")
	if err := errors.Join(os.MkdirAll(filepath.Dir(log), 0o755), os.WriteFile(log, []byte("ERROR: no such peer\nasking n3 with hush\n\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestWaiting: each wait is told with its node, how long it has gone on and may, why it is not over, and what the node's log says last.
func TestWaiting(t *testing.T) {
	f, now := waitingFleet(t), time.Unix(1000, 0)
	ago := func(what string, s int, last error) cluster.Wait {
		return cluster.Wait{Until: now.Add(100 * time.Second), What: what, Since: now.Add(-time.Duration(s) * time.Second), Last: last}
	}
	refused := errors.New("hush: connection refused\nby n1")
	for name, c := range map[string]struct {
		waits []cluster.Wait
		want  []string
	}{
		"nothing":            {nil, nil},
		"a node":             {[]cluster.Wait{ago("n11 to serve", 20, refused)}, []string{"waiting for n11 to serve: 20 s so far, 1 min 40 s more at most: ***: connection refused by n1; its log says last: asking n3 with ***"}},
		"not answered yet":   {[]cluster.Wait{ago("n1 to serve", 20, nil)}, []string{"waiting for n1 to serve: 20 s so far, 1 min 40 s more at most"}},
		"none in particular": {[]cluster.Wait{ago("the members to agree", 10, nil)}, []string{"waiting for the members to agree: 10 s so far, 1 min 40 s more at most"}},
		"without an end":     {[]cluster.Wait{{What: "n1 to serve", Since: now.Add(-10 * time.Second)}}, []string{"waiting for n1 to serve: 10 s so far"}},
		"more than are told": {[]cluster.Wait{ago("b", 9, nil), ago("a", 8, nil), ago("c", 7, nil), ago("d", 6, nil), ago("e", 5, nil)},
			[]string{"waiting for a: 8 s so far, 1 min 40 s more at most", "waiting for b: 9 s so far, 1 min 40 s more at most", "waiting for c: 7 s so far, 1 min 40 s more at most", "and for 2 more"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := f.waiting(c.waits, now); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestTellWaits: while servers are waited for that is told, later and later, and what is over is told no more.
func TestTellWaits(t *testing.T) {
	f := New("Store", "store.log", nil, targets.Config{})
	told, answers, asked, now := make(chan string), make(chan error), make(chan time.Duration), make(chan time.Time)
	f.Progress = func(line string) { told <- line }
	f.after = func(d time.Duration) <-chan time.Time { asked <- d; return now }
	over, done := make(chan struct{}), make(chan error)
	go func() {
		done <- f.WhileRunning(t.Context(), func(ctx context.Context) error {
			err := cluster.Await(ctx, "n2 to serve", func(context.Context) error { return <-answers })
			over <- struct{}{}
			<-over
			return err
		})
	}()
	answers <- errors.New("starting")
	answers <- errors.New("starting") // what was said first is noted
	pauses := []time.Duration{<-asked}
	now <- time.Now()
	if got := <-told; !strings.HasPrefix(got, "waiting for n2 to serve: ") || !strings.HasSuffix(got, " so far: starting") {
		t.Errorf("%q", got)
	}
	answers <- nil
	<-over
	pauses = append(pauses, <-asked)
	now <- time.Now()
	pauses = append(pauses, <-asked) // and nothing was told in between
	if want := []time.Duration{firstTold, 2 * firstTold, 4 * firstTold}; !slices.Equal(pauses, want) {
		t.Errorf("it was told after %v, want %v", pauses, want)
	}
	over <- struct{}{}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestTellWaitsTellsNothingAfterwards: when TellWaits returns, nothing is told any more, though a line was under way as the work ended.
func TestTellWaitsTellsNothingAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New("Store", "store.log", nil, targets.Config{})
		begun, told := make(chan struct{}), false
		f.Progress = func(string) {
			close(begun)
			time.Sleep(time.Hour) // a terminal that takes nothing
			told = true
		}
		err := f.TellWaits(t.Context(), func(ctx context.Context) error {
			return cluster.Await(ctx, "n2 to serve", func(context.Context) error {
				select {
				case <-begun:
					return nil
				default:
					return errors.New("starting")
				}
			})
		})
		if err != nil || !told {
			t.Errorf("%v; the line under way was told before the end: %t", err, told)
		}
		synctest.Wait()
	})
}
