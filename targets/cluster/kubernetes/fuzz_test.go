package kubernetes

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets/cluster/kubernetes/inpod"
)

// FuzzAnswers: in whatever pieces a stream comes, its answers are those of the whole.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte("{\"dropped\":[\"10.0.0.1\"]}\n{\"error\":\"no\",\"unreachable\":true}\n{"), uint16(5))
	f.Add([]byte("\n"), uint16(0))
	f.Add([]byte("{}\nnot an answer\n{}\n"), uint16(9))
	f.Fuzz(func(t *testing.T, text []byte, piece uint16) {
		var whole, parts lines
		want, wrong := whole.add(text)
		var got []inpod.Answer
		var err error
		size := int(piece)%64 + 1
		for from := 0; from < len(text) && err == nil; from += size {
			var more []inpod.Answer
			more, err = parts.add(text[from:min(from+size, len(text))])
			got = append(got, more...)
		}
		if !reflect.DeepEqual(got, want) || fmt.Sprint(err) != fmt.Sprint(wrong) || !bytes.Equal(whole.rest, parts.rest) {
			t.Fatalf("in pieces %v (%v) with %q left, as a whole %v (%v) with %q left", got, err, parts.rest, want, wrong, whole.rest)
		}
	})
}

// FuzzMessage reads messages of a command in a container, which zero bytes divide: no more than
// the beginning of its errors is kept, and nothing but its output is written.
func FuzzMessage(f *testing.F) {
	f.Add([]byte("\x01out\x00\x02err\x00\x03{\"status\":\"Success\"}"))
	f.Add([]byte("\x02err\x00\x03{\"status\":\"Failure\",\"message\":\"no\"}"))
	f.Add([]byte("\x03{\x00\x00\x04"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var out bytes.Buffer
		c := spoken{out: &out}
		written := 0
		for message := range bytes.SplitSeq(text, []byte{0}) {
			if len(message) > 0 && message[0] == channelOut {
				written += len(message) - 1
			}
			if ended, err := c.hear(message); ended || err != nil {
				break
			}
		}
		if len(c.said) > mostErrors || out.Len() != written {
			t.Errorf("%d bytes of errors are kept, and %d of %d bytes were written", len(c.said), out.Len(), written)
		}
	})
}

// FuzzUnpack unpacks what a pod may send as an archive: nothing appears but below the directory.
func FuzzUnpack(f *testing.F) {
	packed := func(name string) []byte {
		dir := f.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			f.Fatal(err)
		}
		var out bytes.Buffer
		if err := Pack(dir, &out); err != nil {
			f.Fatal(err)
		}
		return out.Bytes()
	}
	f.Add(packed("history.lapse"))
	f.Add(packed("a b"))
	f.Add([]byte("no archive"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<16 {
			return // what the entries hold says nothing more
		}
		parent := t.TempDir()
		dir := filepath.Join(parent, "in")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		_, _ = unpack(bytes.NewReader(text), dir) // anything may be sent
		if there, err := os.ReadDir(parent); err != nil || len(there) != 1 {
			t.Errorf("beside the directory there are %v (%v)", there, err)
		}
	})
}

// TestLineBound: a line is read up to a bound, in pieces or as a whole.
func TestLineBound(t *testing.T) {
	long := `{"error":"` + strings.Repeat("x", mostLine-len(`{"error":""}`)) + `"}`
	for _, c := range []struct {
		text string
		ok   bool
	}{{long + "\n", true}, {long + " \n", false}, {long + " ", false}} {
		for _, size := range []int{len(c.text), 1000} {
			var l lines
			var err error
			for from := 0; from < len(c.text) && err == nil; from += size {
				_, err = l.add([]byte(c.text[from:min(from+size, len(c.text))]))
			}
			if (err == nil) != c.ok || len(l.rest) > mostLine {
				t.Errorf("%d bytes, %d at a time: %v", len(c.text), size, err)
			}
		}
	}
}
