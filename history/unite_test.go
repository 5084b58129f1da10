package history

import (
	"bufio"
	"os"
	"testing"
)

// TestUniteKeepsWhatIsMarked: of parts that are made one, what came after the last mark is forgotten when the history turns out to be torn, and what
// stands before it is not, whether it was written before or waits.
func TestUniteKeepsWhatIsMarked(t *testing.T) {
	for _, torn := range []bool{true, false} {
		file, err := os.CreateTemp(t.TempDir(), "parts")
		must(t, err)
		d := &divider{
			p: &Parts{LastChange: -1, file: file, parts: make([]part, partCount)}, out: bufio.NewWriter(file),
			ended: map[int32]Time{}, kept: kept{last: -1}, now: kept{last: -1}, saw: func(*History) {}, how: byKeyOrWhole,
		}
		at := Time(0)
		take := func(keys ...Key) {
			at += 2
			var mops []Mop
			for _, k := range keys {
				mops = append(mops, Mop{Func: Write, Key: k, Arg: Value(at)})
			}
			var b batch
			b.add(Op{Invoke: at, Complete: at + 1, Process: int32(at), Session: int32(at), Outcome: OK, Error: -1, Note: -1, Node: -1}, mops, nil)
			must(t, d.take(&b))
		}
		take(1)
		for i := range d.p.parts {
			must(t, d.flush(&d.p.parts[i]))
		}
		take(2)
		d.mark(&History{})
		take(1)
		take(3)
		take(1, 2)
		take(4)
		want := int64(6)
		if torn {
			d.tear()
			want = 2
		}
		if d.p.Len() != 1 {
			t.Fatalf("%d parts", d.p.Len())
		}
		must(t, d.flush(&d.p.parts[0]))
		must(t, d.out.Flush())
		var h History
		d.p.Frame.KeyNames = []string{"a", "b", "c", "d", "e"}
		d.p.have = counts{keys: 5, levels: 1}
		must(t, d.p.Read(0, &h))
		if int64(len(h.Ops)) != want || d.now.ops != want {
			t.Errorf("torn: %t: %d operations are read, %d counted, want %d", torn, len(h.Ops), d.now.ops, want)
		}
		must(t, file.Close())
	}
}
