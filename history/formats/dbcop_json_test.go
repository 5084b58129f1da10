package formats

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/history"
)

// dbcopWhole is readDbcopJSON with the whole value in memory.
func dbcopWhole(in *input) (*history.History, error) {
	r := newJSONReader(in)
	t, ok, err := r.next()
	if err != nil {
		return nil, err
	}
	if !r.atEnd() {
		return nil, fmt.Errorf("more than one value")
	}
	data := &t
	if t.kind == termMap {
		data = t.get("data")
	}
	if !ok || data == nil || data.kind != termList {
		return nil, fmt.Errorf("no sessions")
	}
	d := &dbcopReader{jsonReader: newJSONReader(in), c: newClockless("dbcop-json", false)}
	for s := range data.kids {
		if data.kids[s].kind != termList {
			return nil, fmt.Errorf("no transactions")
		}
		for i := range data.kids[s].kids {
			if err := d.transaction(int32(s), &data.kids[s].kids[i]); err != nil {
				return nil, err
			}
		}
	}
	return d.c.history(in)
}

// sameDbcop reads text both ways, compares, and tells whether it is a history.
func sameDbcop(t *testing.T, text string) bool {
	t.Helper()
	got, err := readDbcopJSON(&input{label: "x", data: []byte(text)})
	want, wantErr := dbcopWhole(&input{label: "x", data: []byte(text)})
	if (err == nil) != (wantErr == nil) { // of several mistakes each tells the one that it meets first
		t.Fatalf("%q: by transactions %v, as a whole %v", text, err, wantErr)
	}
	if err == nil && dump(got) != dump(want) {
		t.Fatalf("%q is read as\n%s\nby transactions and as\n%s\nas a whole", text, dump(got), dump(want))
	}
	return err == nil
}

// TestDbcopBothWays: what is read one transaction at a time is what the whole value says.
func TestDbcopBothWays(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	right := 0
	for range 20000 {
		if sameDbcop(t, randomDbcop(rng)) {
			right++
		}
	}
	if right < 4000 || right > 19500 {
		t.Errorf("of 20,000 texts %d are right", right)
	}
}

// TestDbcopPlaces: what is wrong is told where it stands, of two mistakes the one that comes first in the file, and a file is
// read to its end.
func TestDbcopPlaces(t *testing.T) {
	const txn = `{"events":[["w",0,1]],"committed":true}`
	deep := func(n int) string { // of n levels in all, of which the event's value is the innermost
		return `[[{"events":[["w",0,1]],"note":` + strings.Repeat("[", n-3) + strings.Repeat("]", n-3) + `}]]`
	}
	for _, x := range []struct{ name, text, want string }{
		{"right", "[[" + txn + "]]\n", ""},
		{"right, in its wrapper", `{"data":[[` + txn + "]]}\n", ""},
		{"a second history behind it", "[[" + txn + "]]\n[[" + txn + "]]\n", "x:2: expected the end of the file"},
		{"a second wrapper", `{"data":[[` + txn + "]]}\n{}", "x:2: expected the end of the file"},
		{"a bracket too many", "[[" + txn + "]]]", "x:1: expected the end of the file"},
		{"a bad event before text that is no JSON", "[[\n" + `{"events":[["x",0,1]]}` + ",\n{,}]]", `x:2: expected "r" or "w"`},
		{"text that is no JSON before a bad event", "[[\n{,},\n" + `{"events":[["x",0,1]]}` + "]]", "x:2: expected JSON: a string as a key"},
		{"a bad session before a wrapper that does not end", `{"data":[` + "\n5", "x:2: expected an array of transactions, found"},
		{"as many levels as are allowed", deep(maxDepth), ""},
		{"one more", deep(maxDepth + 1), "expected at most 64 levels of nesting"},
		{"as many levels in the wrapper", `{"data":` + deep(maxDepth-1) + "}", ""},
		{"one more in the wrapper", `{"data":` + deep(maxDepth) + "}", "expected at most 64 levels of nesting"},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, err := readDbcopJSON(&input{label: "x", data: []byte(x.text)})
			if (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
				t.Errorf("%v, want %q", err, x.want)
			}
			sameDbcop(t, x.text)
		})
	}
}

// TestDbcopVariables: a variable is called as it is written, whatever it is.
func TestDbcopVariables(t *testing.T) {
	h, err := readDbcopJSON(&input{label: "x", data: []byte(`[[{"events":[["w",-1,1],["w",0,1],["w","0",2],["w","k",1],["w",1.5,1]]}]]`)})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"-1", "0", "k", "1.5"}; !slices.Equal(h.KeyNames, want) {
		t.Errorf("keys %q, want %q", h.KeyNames, want)
	}
}

// randomDbcop is a small history, in which a piece now and then is another one.
func randomDbcop(rng *rand.Rand) string {
	odd := []string{"", ",", "[", "]", "{", "}", "null", "-1", "01", "1.50", `"x"`, `{"Read":{"variable":0}}`, `{"events":[]}`, `"data":[]`, `"a":[{"b":[]}],`, "\xff"}
	var list func(open, end string, n int, f func() string) string
	piece := func(s string) string {
		if rng.IntN(150) == 0 {
			return odd[rng.IntN(len(odd))]
		}
		return s
	}
	list = func(open, end string, n int, f func() string) string {
		var all []string
		for range n {
			all = append(all, piece(f()))
		}
		return piece(open) + strings.Join(all, piece([]string{",", ", ", "\n,"}[rng.IntN(3)])) + piece(end)
	}
	value := 0
	event := func() string {
		value++
		switch rng.IntN(5) {
		case 0:
			return fmt.Sprintf(`["r",%d,%d]`, rng.IntN(3), value)
		case 1:
			return fmt.Sprintf(`["w",%d,%d]`, rng.IntN(3), value)
		case 2:
			return fmt.Sprintf(`{"Write":{"variable":"%d","version":%d}}`, rng.IntN(3), value)
		case 3:
			return fmt.Sprintf(`{"Read":{"version":null,"variable":%d}}`, rng.IntN(3))
		}
		return fmt.Sprintf(`{"Read":{"variable":%d,"version":%d}}`, rng.IntN(3)-1, value)
	}
	txn := func() string {
		committed := []string{"", `,"committed":true`, `,"committed":false`, `,"success":1`}[rng.IntN(4)]
		return `{"events":` + list("[", "]", rng.IntN(4), event) + committed + "}"
	}
	session := func() string { return list("[", "]", rng.IntN(3), txn) }
	data := list("[", "]", rng.IntN(4), session)
	if rng.IntN(2) == 0 {
		return data
	}
	return piece(`{"params":{"id":[0]},"info":"","start":null,`) + `"data":` + data + piece(`,"end":"","data":1}`)
}

// FuzzDbcopBothWays holds the two ways of reading against each other on any text.
func FuzzDbcopBothWays(f *testing.F) {
	f.Add(`{"info":"","data":[[{"events":[{"Read":{"variable":0,"version":1}},["w",0,1]],"committed":true}]]}`)
	f.Fuzz(func(t *testing.T, text string) { sameDbcop(t, text) })
}
