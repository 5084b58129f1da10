package wallclock_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/local"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
	"github.com/lapse-test/lapse/targets/wallclock"
)

func TestMain(m *testing.M) {
	os.Exit(sandboxtest.Main(m, func() error { return wallclock.Software.Fetch(context.Background(), "", nil) }))
}

// TestPreload: a C program reads the clock of its node and not another's, as far off as was
// said before it was started and while it ran, and what libfaketime leaves of one that
// was killed is removed.
func TestPreload(t *testing.T) {
	for _, p := range []cluster.Provider{sandbox.Provider{}, local.Provider{}} {
		t.Run(p.Name(), func(t *testing.T) {
			sandboxtest.EachUser(t, func(t *testing.T) { preload(t, p) })
		})
	}
}

func preload(t *testing.T, p cluster.Provider) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	c, err := p.Open(ctx, cluster.Spec{Run: "clocks", Nodes: cluster.NodeNames(2), LinkByLink: true, Ports: []int{1}, LogDir: t.TempDir()})
	must(err)
	defer func() { must(c.Close(ctx)) }()
	pre, err := wallclock.Find(ctx, "", c)
	must(err)
	n := c.Nodes()[0]
	// The clock as a program has it that runs all the time. It waits by a call that asks no
	// clock: sleep(1) goes on for as long as the clock went back.
	ticking := cluster.Command{Path: "/usr/bin/perl", Args: []string{"-MTime::HiRes=time", "-e", `
while (1) {
  open(my $f, ">", "now.new") or die; printf $f "%.6f\n", time; close $f;
  rename "now.new", "now"; select(undef, undef, undef, 0.02);
}`}, NotRoot: true}
	clock := func(n cluster.Node) wallclock.Clock {
		return wallclock.Clock{Grain: 200 * time.Millisecond, Ask: func(context.Context) (theirs, asked, answered time.Time, err error) {
			asked = time.Now()
			text, err := os.ReadFile(filepath.Join(n.Dir(), "now"))
			if err != nil {
				return theirs, asked, asked, err
			}
			micros, err := strconv.ParseInt(strings.Replace(strings.TrimSpace(string(text)), ".", "", 1), 10, 64)
			return time.UnixMicro(micros), asked, time.Now(), err
		}}
	}
	reads := func(n cluster.Node, want time.Duration) {
		t.Helper()
		must(cluster.Await(ctx, n.Name()+" to be off by "+want.String(), func(ctx context.Context) error {
			low, high, err := clock(n).Offset(ctx)
			if err == nil && (low > want || high < want) {
				err = errors.New("it is off by " + low.String() + " to " + high.String())
			}
			return err
		}))
	}
	left := func(pid int) (files []string) {
		for _, name := range []string{"/dev/shm/faketime_shm_", "/dev/shm/sem.faketime_sem_"} {
			if _, err := os.Stat(name + strconv.Itoa(pid)); err == nil {
				files = append(files, name+strconv.Itoa(pid))
			}
		}
		return files
	}
	start := func() int {
		cmd, err := pre.Command(n, ticking)
		must(err)
		must(n.Start(ctx, cmd))
		return n.Pid()
	}
	must(c.Nodes()[1].Start(ctx, ticking))
	pid := start()
	reads(n, 0)
	for _, want := range []time.Duration{5 * time.Second, -1500 * time.Millisecond, -30 * time.Second} {
		must(pre.Mover(c.Nodes())(0, want))
		reads(n, want)
	}
	reads(c.Nodes()[1], 0)
	if len(left(pid)) == 0 {
		t.Error("libfaketime has no files there: that they are removed is not tested")
	}
	must(n.Kill(ctx))
	if files := left(pid); len(files) > 0 {
		t.Errorf("%s stay after a kill", files)
	}
	must(os.Remove(filepath.Join(n.Dir(), "now")))
	start()
	reads(n, -30*time.Second) // over a restart
	must(n.Kill(ctx))
	must(pre.Mover(c.Nodes())(0, 0))
	must(os.Remove(filepath.Join(n.Dir(), "now")))
	start()
	reads(n, 0)
}

// TestNone: servers that read the machine's own clock are left alone, and never said to
// have moved.
func TestNone(t *testing.T) {
	var none *wallclock.Preload
	cmd := cluster.Command{Path: "/bin/true"}
	got, err := none.Command(nil, cmd)
	if err != nil || got.Env != nil || got.Leaves != nil {
		t.Errorf("%+v, %v", got, err)
	}
	for name, b := range map[string]wallclock.Bender{
		"of no database":  {},
		"of true clocks":  wallclock.NewBender(nil, none.Mover(nil), nil),
		"of another node": wallclock.NewBender(func(string) (int, error) { return 0, errors.New("no node") }, func(int, time.Duration) error { return nil }, nil),
	} {
		if off, err := b.BendClock(t.Context(), "n1", time.Second); err == nil {
			t.Errorf("%s: it was moved by %v", name, off)
		}
		if err := b.StepClock(t.Context(), "n1", 0); err == nil {
			t.Errorf("%s: it was moved", name)
		}
		if off, err := b.ReadClock(t.Context(), "n1"); err == nil {
			t.Errorf("%s: it was read, as %v", name, off)
		}
	}
	if off, err := wallclock.NewBender(nil, none.Mover(nil), nil).BendClock(t.Context(), "n1", 0); off != 0 || err != nil {
		t.Errorf("putting it right: %v, %v", off, err)
	}
}

// TestOffset: an answer says no more of a clock than the time that asking took, and several
// say it better than one.
func TestOffset(t *testing.T) {
	at := time.Unix(1000, 0)
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	type answer struct{ theirs, asked, answered int } // in milliseconds after at
	for _, c := range []struct {
		name      string
		answers   []answer
		low, high int
		moving    bool
	}{
		{"quick and right", []answer{{1, 0, 2}}, -1, 2, false},
		{"quick and ahead", []answer{{5001, 0, 2}}, 4999, 5002, false},
		{"slow twice", []answer{{40, 0, 50}, {100, 70, 101}}, -1, 31, false},
		{"moved in between", []answer{{40, 0, 50}, {900, 70, 101}}, 0, 0, true},
	} {
		i := 0
		clock := wallclock.Clock{Grain: time.Millisecond, Ask: func(context.Context) (theirs, asked, answered time.Time, err error) {
			a := c.answers[min(i, len(c.answers)-1)]
			i++
			return at.Add(ms(a.theirs)), at.Add(ms(a.asked)), at.Add(ms(a.answered)), nil
		}}
		low, high, err := clock.Offset(t.Context())
		if (err != nil) != c.moving || low != ms(c.low) || high != ms(c.high) {
			t.Errorf("%s: %v to %v (%v), want %v to %v, moving %v", c.name, low, high, err, ms(c.low), ms(c.high), c.moving)
		}
	}
}
