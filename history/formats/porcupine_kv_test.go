package formats

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestKVBothWays: a log of which the lines spelled as ever are taken apart without an EDN
// reader is the one that is read as EDN, errors and their places included.
func TestKVBothWays(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	right, plain := 0, 0
	for range 20000 {
		text := randomKV(rng)
		if sameKV(t, text) {
			right++
		}
		if _, n := cutKVLine([]byte(text)); n > 0 {
			plain++
		}
	}
	if right < 3000 || right > 17000 || plain < 5000 {
		t.Errorf("of 20,000 logs %d are right and %d begin with a plain line", right, plain)
	}
}

// TestKVPlaces: of two mistakes the one that comes first in the file is told; in one line, what is wrong with the line alone
// comes before what does not fit those before it.
func TestKVPlaces(t *testing.T) {
	const put, done = `{:process 0, :type :invoke, :f :put, :key "4", :value "x"}` + "\n", `{:process 0, :type :ok, :f :put, :key "4", :value "x"}` + "\n"
	for _, x := range []struct{ name, text, want string }{
		{"right", put + done, ""},
		{"invoked twice, then no EDN", put + put + "{:process", "x:2: expected process 0 to complete its :put before"},
		{"no EDN, then invoked twice", put + "{:process 1 :type}\n" + put, "x:2: "},
		{"another function of a process that is busy", put + strings.Replace(put, ":put", ":cas", 1), "x:2: expected :f :get, :put or :append, found"},
		{"another function that nobody has invoked", strings.Replace(done, ":put", ":cas", 1), "x:1: expected process 0 to invoke :cas before"},
		{"lines, then a vector of lines", put + "[" + done + put + "]" + done, ""},
		{"lines, then an open list", put + "(" + done, "x:3: expected \")\", found the end of the file"},
		{"lines, then a vector that holds none", put + "[:x]", "x:2: expected {:process 0, "},
		{"no value of a process that is busy", put + strings.Replace(put, `"x"`, "nil", 1), "x:2: expected process 0 to complete its :put before"},
		{"no value", strings.Replace(put, `"x"`, "nil", 1), "x:1: expected a string as the value of :put, found nil"},
		{"another type of what nobody has invoked", strings.Replace(done, ":ok", ":done", 1), "x:1: expected :type :invoke, :ok, :fail or :info, found done"},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, err := readPorcupineKV(&input{label: "x", data: []byte(x.text)})
			if (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
				t.Errorf("%v, want %q", err, x.want)
			}
			sameKV(t, x.text)
		})
	}
}

// sameKV reads text both ways, compares, and tells whether it is a log.
func sameKV(t *testing.T, text string) bool {
	t.Helper()
	got, err := readPorcupineKV(&input{label: "x", data: []byte(text)})
	want, wantErr := readKV(&input{label: "x", data: []byte(text)}, nil)
	if fmt.Sprint(err) != fmt.Sprint(wantErr) {
		t.Fatalf("%q: by lines %v, as EDN %v", text, err, wantErr)
	}
	if err == nil && dump(got) != dump(want) {
		t.Fatalf("%q is read as\n%s\nby lines and as\n%s\nas EDN", text, dump(got), dump(want))
	}
	return err == nil
}

// randomKV is a log of a few processes, in which one piece in hundred is another one.
func randomKV(rng *rand.Rand) string {
	var b strings.Builder
	if rng.IntN(10) == 0 {
		b.WriteString("[")
		defer b.WriteString("]")
	}
	odd := []string{"", " ", ",", "\n", ";\n", "nil", `"a\nb"`, `"é"`, "\"\x01\"", `"`, "}", "{", ":", "00", "01", "-1", "7.", "99999999999", "#_1", "5", ":x", "[1]", "\\a"}
	pick := func(usual ...string) string {
		if rng.IntN(100) == 0 {
			return odd[rng.IntN(len(odd))]
		}
		return usual[rng.IntN(len(usual))]
	}
	open := map[int]string{}
	for range 1 + rng.IntN(8) {
		if rng.IntN(40) == 0 {
			b.WriteString("[(])"[rng.IntN(4):][:1])
		}
		process := rng.IntN(3)
		typ, f := "invoke", []string{"get", "put", "append"}[rng.IntN(3)]
		if was, is := open[process]; is {
			typ, f = []string{"ok", "ok", "ok", "fail", "info"}[rng.IntN(5)], was
			delete(open, process)
		} else {
			open[process] = f
		}
		value := `"x 0 1 y"`
		if typ == "invoke" && f == "get" {
			value = "nil"
		}
		for _, piece := range []string{"{:process ", fmt.Sprint(process), ", :type ", ":" + typ, ", :f ", ":" + f, ", :key ", `"4"`, ", :value ", value, "}", "\n"} {
			b.WriteString(pick(piece))
		}
	}
	return b.String()
}

// FuzzKVBothWays holds the two ways of reading against each other on any text.
func FuzzKVBothWays(f *testing.F) {
	f.Add("{:process 0, :type :invoke, :f :put, :key \"4\", :value \"x\"}\n{:process 0, :type :ok, :f :put, :key \"4\", :value \"x\"}\n")
	f.Add("[{:process 0, :type :invoke, :f :get, :key \"4\", :value nil}{:process 0, :type :ok, :f :get, :key \"4\", :value \"\"}]")
	f.Fuzz(func(t *testing.T, text string) { sameKV(t, text) })
}
