package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// What is remembered is what was noted within the window, also after restarts, whatever the steps were and however far the disk was cleared.
func TestRequestsAreRememberedForTheWindow(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			db := openDB(t, vfs.NewMem())
			defer db.Close()
			m := newMachine(t, db)
			want := map[string]remembered{}
			index := uint64(0)
			for range 30 {
				s := m.begin(false)
				for range 1 + r.IntN(3000) {
					index++
					if r.IntN(50) == 0 {
						index += uint64(r.IntN(2000)) // entries that are no requests
					}
					c := command{ID: fmt.Sprint("r", r.IntN(200_000)), Key: "k", Value: []byte{byte(r.IntN(3))}}
					if had, ok := want[c.ID]; ok && had.Index+sessionWindow >= index {
						continue // the machine would not have noted it either
					}
					out := outcome{Index: index, Conflict: r.IntN(4) == 0, Version: record.Version{Time: hlc.Timestamp(1 + r.IntN(1000)), Node: fmt.Sprint("n", r.IntN(3))}}
					if err := s.note(c, out); err != nil {
						t.Fatal(err)
					}
					want[c.ID] = remembered{out, c.content()}
				}
				last := m.requests.last
				m.applied = index
				if err := s.commit(); err != nil {
					t.Fatal(err)
				}
				if r.IntN(3) == 0 {
					m = newMachine(t, db)
				}
				n := 0
				for id, w := range want {
					if w.Index+sessionWindow < last {
						delete(want, id)
						if _, ok := m.requests.get(id); ok {
							t.Fatalf("at %d: %s of %d is remembered", last, id, w.Index)
						}
						continue
					}
					n++
					if got, ok := m.requests.get(id); !ok || got != w {
						t.Fatalf("at %d: %s is %+v, %t, want %+v", last, id, got, ok, w)
					}
				}
				if len(m.requests.at) != n || len(m.requests.chunks) > sessionWindow/chunkSize+2 {
					t.Fatalf("at %d: %d names in %d chunks, want %d", last, len(m.requests.at), len(m.requests.chunks), n)
				}
			}
			if first := firstSession(t, m); first+chunkSize <= m.requests.oldest {
				t.Errorf("the disk has position %d, and the oldest is %d", first, m.requests.oldest)
			}
		})
	}
}

// firstSession is the first position under which there are requests on disk.
func firstSession(t *testing.T, m *machine) uint64 {
	t.Helper()
	it, err := m.db.NewIter(&pebble.IterOptions{LowerBound: space(prefixSession, m.generation), UpperBound: space(prefixSession, m.generation+1)})
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	if !it.First() {
		t.Fatal("there are no requests on disk")
	}
	return binary.BigEndian.Uint64(it.Key()[len(space(prefixSession, 0)):])
}

func TestRequestsOnDisk(t *testing.T) {
	first := remembered{outcome{Index: 5, Version: record.Version{Time: 5, Node: "n1"}}, 77}
	second := remembered{outcome{Index: 9, Conflict: true, Version: record.Version{Time: 3, Node: "n22"}}, 78}
	// One request alone, as it was written when each had a value of its own.
	alone := append(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64([]byte{0}, 77), 5), 2, 'n', '1', 'a')
	both := appendSession(appendSession(nil, "a", first), "b", second)
	for name, c := range map[string]struct {
		value []byte
		want  map[string]remembered
	}{
		"earlier form": {alone, map[string]remembered{"a": first}},
		"one":          {appendSession(nil, "a", first), map[string]remembered{"a": first}},
		"two":          {both, map[string]remembered{"a": first, "b": second}},
	} {
		got := map[string]remembered{}
		if err := parseSessions(c.value, 5, func(id string, r remembered) { got[id] = r }); err != nil || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, c.want)
		}
	}
	whole := len(appendSession(nil, "a", first))
	for n := range both {
		got := 0
		err := parseSessions(both[:n], 5, func(string, remembered) { got++ })
		if ends := n == 1 || n == whole; errors.Is(err, errMalformed) == ends {
			t.Errorf("%d of %d bytes: %v", n, len(both), err)
		}
		if got > 1 || n < whole && got > 0 {
			t.Errorf("%d of %d bytes: %d requests", n, len(both), got)
		}
	}
}
