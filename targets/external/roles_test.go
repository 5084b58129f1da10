package external

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestPrimaryOf(t *testing.T) {
	for _, c := range []struct {
		writes       []bool
		needsReplica bool
		want         int
		says         string
	}{
		{[]bool{true}, false, 0, ""},
		{[]bool{true}, true, 0, ""}, // how many nodes there are is checked before
		{[]bool{false}, false, 0, "none of the nodes"},
		{[]bool{true, false, false}, true, 0, ""},
		{[]bool{false, false, true}, true, 2, ""},
		{[]bool{true, true, false}, false, 0, "several clusters"},
		{[]bool{true, true, true}, false, Every, ""},
		{[]bool{true, true, true}, true, 0, "all nodes take writes"},
	} {
		got, err := primaryOf(c.writes, c.needsReplica)
		if c.says == "" && (err != nil || got != c.want) || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%v, needs a replica %v: %d, %v; want %d, %q", c.writes, c.needsReplica, got, err, c.want, c.says)
		}
	}
}

// TestFollow: the roles change hands, and only a node that says it takes writes gets
// them.
func TestFollow(t *testing.T) {
	writer, down := 0, -1
	var told []string
	var changed []int
	r := Roles{
		Replica: "a replica", Changed: func(p int) { changed = append(changed, p) },
		Writes: func(_ context.Context, node int) (bool, error) {
			if node == down {
				return false, errors.New("it is down")
			}
			return node == writer, nil
		},
	}
	var met []string
	for i := range 3 {
		met = append(met, r.Met(i, i == writer))
	}
	if err := r.Find(true); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(met, "|"); got != "takes writes|a replica|a replica" {
		t.Errorf("met %q", got)
	}
	r.Observe(func(kind, text string) { told = append(told, kind+": "+text) })
	steps := []struct{ writer, down, want int }{
		{0, -1, 0}, // nothing changed
		{-1, 0, 0}, // the primary is down and nobody has taken over
		{2, 0, 2},
		{2, 2, 2}, // it is not asked who else takes writes while nobody does
		{1, -1, 1},
	}
	for _, s := range steps {
		writer, down = s.writer, s.down
		r.follow(t.Context())
		if r.Index() != s.want {
			t.Errorf("%+v: the primary is %d", s, r.Index())
		}
	}
	want := "failover: n3 takes the writes now, as it was found; before it was n1|failover: n2 takes the writes now, as it was found; before it was n3"
	if got := strings.Join(told, "|"); got != want {
		t.Errorf("told %q", got)
	}
	if len(changed) != 3 {
		t.Errorf("changed %v", changed)
	}
}

// TestFollowAHungPrimary: a primary that does not answer keeps nobody from being found, nor
// does another node that hangs; without a successor it stays the primary.
func TestFollowAHungPrimary(t *testing.T) {
	for _, c := range []struct{ successor, want int }{{2, 2}, {-1, 0}} {
		synctest.Test(t, func(t *testing.T) {
			const gaveUp = 5 * time.Second
			hung := false
			r := Roles{Writes: func(ctx context.Context, node int) (bool, error) {
				if hung && node != 2 {
					select {
					case <-ctx.Done():
						return false, ctx.Err()
					case <-time.After(gaveUp):
						return false, errors.New("no answer")
					}
				}
				return !hung && node == 0 || node == c.successor && hung, nil
			}}
			for i := range 3 {
				r.Met(i, i == 0)
			}
			if err := r.Find(false); err != nil {
				t.Fatal(err)
			}
			hung = true
			began := time.Now()
			r.follow(t.Context())
			if r.Index() != c.want {
				t.Errorf("successor %d: the primary is %d, want %d", c.successor, r.Index(), c.want)
			}
			if took := time.Since(began); c.successor > 0 && took > primaryPatience {
				t.Errorf("the successor was found after %v, want %v", took, primaryPatience)
			}
		})
	}
}
