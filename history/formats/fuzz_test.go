package formats

import (
	"bytes"
	"testing"

	"github.com/lapse-test/lapse/history"
)

// fuzzFormat feeds arbitrary bytes to one parser. Whatever it accepts must be a
// possible history, and what can be written must read back the same.
func fuzzFormat(f *testing.F, name string) {
	for _, s := range samples {
		if s.format == name {
			f.Add([]byte(s.text))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, _, err := readBytes("fuzz", data, Options{Format: name})
		if err != nil {
			return
		}
		if err := h.Validate(); err != nil {
			t.Fatalf("an impossible history was accepted: %v", err)
		}
		for _, to := range Writable() {
			rewrite(t, h, to)
		}
	})
}

// rewrite writes h in a format that may refuse it, and wants what was written to be
// read, with no operation more or less than before where the format has all outcomes,
// and to be written the same again.
func rewrite(t *testing.T, h *history.History, to string) {
	t.Helper()
	var out, again bytes.Buffer
	if _, err := Lost(to, h); err != nil {
		t.Fatal(err)
	}
	if err := Write(&out, to, h); err != nil {
		return
	}
	if len(h.Ops) == 0 {
		return
	}
	got, _, err := readBytes("rewritten", out.Bytes(), Options{Format: to})
	if err != nil {
		t.Fatalf("what was written as %s cannot be read: %v\n%q", to, err, out.Bytes())
	}
	if to == "plume" || to == "awdit" {
		return // leave out operations
	}
	if len(got.Ops) != len(h.Ops) {
		t.Fatalf("%d operations became %d as %s:\n%s", len(h.Ops), len(got.Ops), to, out.Bytes())
	}
	if err := Write(&again, to, got); err != nil {
		t.Fatalf("what was written as %s and read cannot be written again: %v", to, err)
	}
}

func FuzzEDN(f *testing.F) {
	f.Add([]byte("{:process 0 :type :invoke :f :clear :value [1 nil]}\n{:process 0 :type :ok :f :clear :value [1 nil]}"))
	fuzzFormat(f, "edn")
}
func FuzzJepsenText(f *testing.F)    { fuzzFormat(f, "jepsen-txt") }
func FuzzElleJSON(f *testing.F)      { fuzzFormat(f, "elle-json") }
func FuzzPorcupineEtcd(f *testing.F) { fuzzFormat(f, "porcupine-etcd") }
func FuzzPorcupineKV(f *testing.F)   { fuzzFormat(f, "porcupine-kv") }
func FuzzPlume(f *testing.F)         { fuzzFormat(f, "plume") }
func FuzzAWDIT(f *testing.F)         { fuzzFormat(f, "awdit") }
func FuzzDbcopHist(f *testing.F)     { fuzzFormat(f, "dbcop-hist") }
func FuzzDbcopJSON(f *testing.F)     { fuzzFormat(f, "dbcop-json") }
func FuzzDbcopBincode(f *testing.F)  { fuzzFormat(f, "dbcop-bincode") }

func FuzzCobra(f *testing.F) {
	f.Add([]byte("S\x00\x00\x00\x00\x00\x00\x00\x01C\x00\x00\x00\x00\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := newClockless("cobra", false)
		in := &input{label: "T1.log", data: data}
		if err := cobraSession(in, c, 0); err != nil {
			return
		}
		h, err := c.history(in)
		if err != nil {
			t.Fatalf("an impossible history was accepted: %v", err)
		}
		rewrite(t, h, "edn")
	})
}

func FuzzRecognise(f *testing.F) {
	for _, s := range samples {
		f.Add([]byte(s.text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if h, _, err := readBytes("fuzz", data, Options{}); err == nil && h.Validate() != nil {
			t.Fatalf("an impossible history was accepted: %v", h.Validate())
		}
	})
}
