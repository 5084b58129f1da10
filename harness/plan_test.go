package harness

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/lapse-test/lapse/settings"
)

// FuzzPlan: a stored plan that is read and stored again is the same the second time.
func FuzzPlan(f *testing.F) {
	b, err := json.Marshal(Plan{Schema: PlanSchema, Run: settings.Run{Target: "t", Faults: "kill", Concurrency: "3"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"schema":1,"schedule":{"faults":[]},"nodes":1000000000}`))
	f.Add([]byte(`{"schema":1}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		var p Plan
		if json.Unmarshal(in, &p) != nil {
			return
		}
		first, err := json.Marshal(p)
		if err != nil {
			return // what no plan that lapse wrote holds, such as text that is no UTF-8
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
