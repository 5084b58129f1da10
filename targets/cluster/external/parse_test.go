package external

import "testing"

// FuzzParseOperator: commands are for the nodes that there are, each with a time, and none has a secret in it.
func FuzzParseOperator(f *testing.F) {
	f.Add([]byte("timeout: 30s\nall:\n  kill: stop $NODE\n  start: start $NODE\n"))
	f.Add([]byte("nodes:\n  n1:\n    cut: down\n    heal: up\n"))
	f.Add([]byte(`{"timeout":"1s","nodes":{"n2":{"probe":"true"}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		op, err := parseOperator("commands", b, []string{"n1", "n2"})
		if err != nil {
			return
		}
		if len(op.Nodes) != 2 || op.Timeout <= 0 {
			t.Fatalf("%q is read as %+v", b, op)
		}
		for n, c := range op.Nodes {
			for _, text := range []string{c.Cut, c.Heal, c.Probe, c.Kill, c.Start, c.Pause, c.Resume} {
				if HoldsSecret(text) {
					t.Fatalf("%q keeps a secret of %s", b, n)
				}
			}
		}
	})
}
