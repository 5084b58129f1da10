package cluster

import (
	"bytes"
	"io"
	"testing"
)

// FuzzSaid: in whatever pieces a command says it, and after however much, what is kept is the beginning, and more of it is told.
func FuzzSaid(f *testing.F) {
	f.Add([]byte("a line\n"), 0, uint8(3))
	f.Add([]byte("the end"), MostSaid-3, uint8(1))
	f.Add([]byte{}, MostSaid, uint8(0))
	f.Add([]byte("x"), MostSaid+5, uint8(9))
	f.Fuzz(func(t *testing.T, text []byte, before int, piece uint8) {
		if before < 0 || before > MostSaid+64 {
			return
		}
		all := append(bytes.Repeat([]byte{'.'}, before), text...)
		var s Said
		if n, err := s.Write(all[:before]); n != before || err != nil {
			t.Fatalf("%d of %d bytes taken: %v", n, before, err)
		}
		n, err := io.CopyBuffer(struct{ io.Writer }{&s}, struct{ io.Reader }{bytes.NewReader(text)}, make([]byte, int(piece)+1))
		if int(n) != len(text) || err != nil {
			t.Fatalf("%d of %d bytes taken: %v", n, len(text), err)
		}
		if !bytes.Equal(s.Bytes(), all[:min(len(all), MostSaid)]) || (s.Err() != nil) != (len(all) > MostSaid) {
			t.Errorf("of %d bytes %d are kept: %v", len(all), len(s.Bytes()), s.Err())
		}
	})
}
