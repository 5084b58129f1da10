package quorumkv

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/targettest"
)

func TestRangeReadsSetting(t *testing.T) {
	for _, c := range []struct {
		reads, digits string
		keys          int64
		says          string
	}{
		{"", "", 0, ""},
		{"0", "", 1000, ""},
		{"0", "1", 1000, ""},
		{"2", "6", 0, ""},
		{"100", "6", 0, ""},
		{"2", "", 0, "needs the keys in the order of their numbers"},
		{"101", "6", 0, "from 0 to 100"},
		{"-1", "6", 0, "from 0 to 100"},
		{"two", "6", 0, "from 0 to 100"},
		{"9", "1", 0, ""},
		{"10", "1", 0, "give 2"}, // the first page ends before k10
		{"10", "3", 989, ""},
		{"10", "3", 990, "--set key_digits=3: too few for pages of 10 keys (range_reads), of which the run may have up to 990: the names of all must have as many digits; give 4"},
		{"10", "4", 990, ""},
	} {
		given := map[string]string{}
		for name, v := range map[string]string{optRangeReads: c.reads, optKeyDigits: c.digits} {
			if v != "" {
				given[name] = v
			}
		}
		_, err := New().Resolve(targets.Config{Nodes: 3, Options: given, Keys: c.keys})
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v, want %q", given, err, c.says)
		}
	}
}

// The range of a key is the same for all keys in it, and ends where the next begins.
func TestBoundsOfRangeReads(t *testing.T) {
	s := &System{prefix: "own-", cfg: targets.Config{Options: map[string]string{optKeyDigits: "3"}}}
	tenants := &System{cfg: targets.Config{Tenants: 3, Options: s.cfg.Options}}
	for _, c := range []struct {
		of       *System
		k        history.Key
		n        int
		from, to string
	}{
		{s, 0, 2, "own-k000", "own-k002"},
		{s, 1, 2, "own-k000", "own-k002"},
		{s, 2, 2, "own-k002", "own-k004"},
		{s, 99, 10, "own-k090", "own-k100"},
		{s, 997, 7, "own-k994", ""}, // k1001 would be below k994
		{s, 993, 7, "own-k987", "own-k994"},
		{tenants, 29, 10, "k000", "k010"}, // the tenant's key 9
		{tenants, 30, 10, "k010", "k020"},
	} {
		from, to, err := c.of.bounds(c.k, c.n)
		if (err == nil) != (c.to != "") || err == nil && (from != c.from || to != c.to) {
			t.Errorf("%v by %d: from %q to %q, %v, want %q to %q", c.k, c.n, from, to, err, c.from, c.to)
		}
	}
}

// A read by pages has what any of them has, and one that fails at any page, be it behind that of its key, has read nothing.
func TestReadRangePageByPage(t *testing.T) {
	const all = 3 // pages, one key each
	for good := range all + 1 {
		node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			at := 1 + slices.Index([]string{"k0", "k1"}, r.URL.Query().Get("after"))
			if at >= good {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			page := protocol.Listing{Asked: []string{"n1"}}
			if value, name := fmt.Sprint(100+at), fmt.Sprint("k", at); at != 2 { // the last page has no key
				page.Keys = []protocol.Value{{Key: name, Value: &value}}
			}
			if at < all-1 {
				page.After = fmt.Sprint("k", at)
			}
			if err := json.NewEncoder(w).Encode(page); err != nil {
				t.Error(err)
			}
		}))
		conn := client.New(node.Listener.Addr().String())
		s := &System{cfg: targets.Config{Options: map[string]string{optKeyDigits: "1", optRangeReads: "3"}}}
		for k, want := range []history.Value{100, 101, history.Absent} {
			txn := history.Txn{Mops: []history.Mop{{Func: history.Read, Key: history.Key(k)}}}
			c := &session{system: s, rangeReads: 3}
			_, err := c.do(t.Context(), conn, &txn)
			m := &txn.Mops[0]
			if seen := m.Flags&history.Observed != 0; seen != (good == all) || (err == nil) != (good == all) || seen && m.Ret != want {
				t.Errorf("%d pages come, key %d: read: %t, %v, want %v, %v", good, k, seen, m.Ret, want, err)
			}
		}
		conn.Close()
		node.Close()
	}
}

// Reads by ranges of real nodes see what was written, of every key in the range, and cost the nodes that the partitioner has them on.
func TestRangeReadsOfRealNodes(t *testing.T) {
	for partitioner, asked := range map[string]float64{"range": 3, "ring": 5, "modulo": 5} {
		t.Run(partitioner, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			opts := map[string]string{optPartitioner: partitioner, optReplication: "3", optKeyDigits: "2", optRangeReads: "3", optReadRepair: "blocking", optTimestamps: "quorum"}
			if partitioner == "range" {
				opts[optSplitPoints] = "k03+k06+k09+k12"
			}
			_, sys, _ := targettest.Deploy(ctx, t, New(), sandbox.Provider{}, targets.Config{Nodes: 5, Options: opts}, logName)
			s, ok := sys.(interface {
				targets.System
				targets.Measurer
			})
			if !ok {
				t.Fatalf("it is a %T, which measures nothing", sys)
			}
			if m := s.Measures(ctx); len(m) != 0 {
				t.Errorf("before any range was read: %+v", m)
			}
			session, err := s.Open(ctx, targets.Session{Text: func(text string) history.Value { return history.Value(-len(text)) }})
			targettest.Must(t, err)
			defer session.Close()
			want := map[history.Key]history.Value{}
			do := func(at int, m history.Mop) history.Txn {
				txn := history.Txn{Mops: []history.Mop{m}}
				if res := session.Do(ctx, at, &txn); res.Outcome != history.OK {
					t.Fatalf("%v: %v %v", m, res.Outcome, res.Err)
				}
				return txn
			}
			for k := range history.Key(12) {
				want[k] = history.Absent
				if k%4 == 3 { // is never written
					continue
				}
				want[k] = history.Value(100 + k)
				do(int(k)%5, history.Mop{Func: history.Write, Key: k, Arg: want[k]})
			}
			do(1, history.Mop{Func: history.Delete, Key: 5})
			want[5] = history.Absent
			for k := range history.Key(12) {
				txn := do(int(k+1)%5, history.Mop{Func: history.Read, Key: k})
				if got := txn.Mops[0].Ret; got != want[k] {
					t.Errorf("%v is %v, want %v", k, got, want[k])
				}
			}
			m := s.Measures(ctx)
			if len(m) != 1 || m[0].Name != history.MeasureRangeNodes || m[0].Value != asked || !strings.HasPrefix(m[0].Text, "12 pages of up to 3 keys were read") {
				t.Errorf("%+v, want %v nodes", m, asked)
			}
			if err := fmt.Sprint(session.Do(ctx, 0, &history.Txn{Mops: []history.Mop{{Func: history.Read, Key: 99}}}).Err); !strings.Contains(err, "too few digits") {
				t.Errorf("of a key with which the digits run out: %s", err)
			}
		})
	}
}
