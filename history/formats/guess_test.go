package formats

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/history"
)

// TestGuessIsWhole: a history that is understood by its first lines is what it is when all
// lines are looked at first. Half of the histories begin as one of another kind.
func TestGuessIsWhole(t *testing.T) {
	const rounds = 2000
	kinds := []string{"register", "txn", "append", "set", "counter"}
	right := 0
	for seed := range uint64(rounds) {
		rng := rand.New(rand.NewPCG(seed, 0x9e55))
		var text []string
		format := []string{"edn", "elle-json"}[rng.IntN(2)]
		for range 1 + rng.IntN(2) {
			h, err := randomHistory(rng, kinds[rng.IntN(len(kinds))])
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := Write(&b, format, h); err != nil {
				t.Fatal(err)
			}
			text = append(text, strings.Trim(strings.TrimSpace(b.String()), "[]"))
		}
		in := &input{label: "test", data: []byte(strings.Join(text, "\n")), o: &Options{}}
		src := ednSource(in)
		if format == "elle-json" {
			// Objects one after another.
			in.data = bytes.ReplaceAll(in.data, []byte("},\n"), []byte("}\n"))
			src = jsonSource(in)
		}
		if rng.IntN(2) == 0 {
			in.data = bytes.ReplaceAll(in.data, []byte("data-type"), []byte("no-type")) // it is to be found out
		}
		got := readGuessed(in, src, "test", 1+rng.IntN(10))
		want, err := readTwice(in, src, "test")
		switch {
		case got == nil:
		case err != nil:
			t.Errorf("seed %d: by its first lines it is a history, and else: %v", seed, err)
		case dump(got) != dump(want), !maps.Equal(got.Header.Attributes, want.Header.Attributes), got.Header.Workload != want.Header.Workload:
			t.Errorf("seed %d: by its first lines\n%v\n%s\nand by all\n%v\n%s", seed, got.Header.Attributes, dump(got), want.Header.Attributes, dump(want))
		default:
			right++
		}
	}
	t.Logf("%d of %d histories were understood by their first lines", right, rounds)
	if right < rounds/10 || right == rounds {
		t.Errorf("%d of %d histories were understood by their first lines", right, rounds)
	}
}

// TestFirstLinesMislead: a read of nothing is of a register, or of a list if something is
// appended in the end.
func TestFirstLinesMislead(t *testing.T) {
	lines := strings.Repeat("{:process 0 :type :invoke :f :txn :value [[:r 1 nil]]}\n{:process 0 :type :ok :f :txn :value [[:r 1 nil]]}\n", guessFrom)
	for last, want := range map[string]history.Func{
		"{:process 0 :type :invoke :f :txn :value [[:w 2 5]]}":      history.Read,
		"{:process 0 :type :invoke :f :txn :value [[:append 2 5]]}": history.ReadList,
	} {
		h, _, err := readBytes("test", []byte(lines+last), Options{Format: "edn"})
		if err != nil {
			t.Fatal(err)
		}
		if got := h.Mops(&h.Ops[0])[0].Func; got != want {
			t.Errorf("with %s at the end the first read is a %s, expected %s", last, got, want)
		}
	}
}
