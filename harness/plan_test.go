package harness

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/settings"
)

// TestNoPlan: what is no plan is said in the words of whoever reads it.
func TestNoPlan(t *testing.T) {
	for text, says := range map[string]string{
		"": "it is no JSON object", "[]": "it is no JSON object", "null": "it is no JSON object", "{": "unexpected end",
		`{"schema":1,"nodes":1000000000}`: "nodes: must be a number from 0 to 1000", `{"schema":1,"rate":1e300}`: "rate: must be a number from 0 to",
		`{"schema":7}`: "has schema 7", `{"schema":1,"concurrency":{"clients":3}}`: `concurrency: cannot be {"clients":3}`,
		`{"schema":1,"concurrency":[3]}`: "concurrency: cannot be [3]", `{"schema":1,"operator":7}`: "operator: cannot be 7",
	} {
		path := filepath.Join(t.TempDir(), "plan.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadPlan(path); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "Go value") {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
}

// FuzzPlan: a stored plan that is read and stored again is the same the second time.
func FuzzPlan(f *testing.F) {
	b, err := json.Marshal(Plan{Schema: PlanSchema, Run: settings.Run{Target: "t", Faults: "kill", Concurrency: "3"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"schema":1,"schedule":{"faults":[]},"nodes":1000000000}`))
	f.Add([]byte(`{"schema":1}`))
	f.Add([]byte("{\"schema\":1,\"concurrency\":\"\xff\",\"operations\":\"\xff\"}"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var p Plan
		if json.Unmarshal(in, &p) != nil {
			return
		}
		first, err := json.Marshal(p)
		if err != nil {
			return // what no plan that lapse wrote holds
		}
		var again Plan
		if err := json.Unmarshal(first, &again); err != nil {
			t.Fatalf("%s was written and cannot be read: %v", first, err)
		}
		second, err := json.Marshal(again)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, second) {
			t.Fatalf("written %s\nand again %s", first, second)
		}
	})
}
