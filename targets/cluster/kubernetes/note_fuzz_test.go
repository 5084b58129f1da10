package kubernetes

import "testing"

// FuzzNote reads what may stand in a note: it is about the namespace that its file is called after, so that one that was copied or
// changed has no other one removed.
func FuzzNote(f *testing.F) {
	for _, s := range []string{`{"namespace":"lapse-1","owner":"1/2/3"}`, `{"namespace":"default"}`, `{}`, `null`, ``, `{"namespace":1}`, `{"namespace":"lapse-1","deadline":"soon"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := readNote("/cache/lapse/namespaces/lapse-1.json", text)
		if (err == nil) != (n.Namespace == "lapse-1") {
			t.Errorf("%q: %+v, %v", text, n, err)
		}
	})
}
