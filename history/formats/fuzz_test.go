package formats

import (
	"testing"
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
		h, err := ReadBytes("fuzz", data, name)
		if err != nil {
			return
		}
		if err := h.Validate(); err != nil {
			t.Fatalf("an impossible history was accepted: %v", err)
		}
	})
}

func FuzzEDN(f *testing.F)           { fuzzFormat(f, "edn") }
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
		in := &input{"T1.log", data}
		if err := cobraSession(in, c, 0); err != nil {
			return
		}
		if _, err := c.history(in); err != nil {
			t.Fatalf("an impossible history was accepted: %v", err)
		}
	})
}

func FuzzRecognise(f *testing.F) {
	for _, s := range samples {
		f.Add([]byte(s.text))
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = ReadBytes("fuzz", data, "")
	})
}
