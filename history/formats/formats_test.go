package formats

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/lapse-test/lapse/history"
)

// bincode makes a dbcop file of one transaction a session out of
// (write, variable, value) triples.
func bincode(sessions ...[][3]uint64) string {
	var b bytes.Buffer
	u64 := func(n uint64) { b.Write(binary.LittleEndian.AppendUint64(nil, n)) }
	for range 5 {
		u64(2)
	}
	for _, s := range []string{"info", "start", "end"} {
		u64(uint64(len(s)))
		b.WriteString(s)
	}
	u64(uint64(len(sessions)))
	for _, s := range sessions {
		u64(1)
		u64(uint64(len(s)))
		for _, e := range s {
			b.WriteByte(byte(e[0]))
			u64(e[1])
			u64(e[2])
			b.WriteByte(1)
		}
		b.WriteByte(1)
	}
	return b.String()
}

// samples are a short history in every format, with what must come out.
var samples = []struct {
	name, format string
	text         string
	want         string
}{
	{"long fork of Jepsen's", "edn", `{:type :invoke, :f :write, :value [[:w 1 1]], :process 0}
{:type :ok, :f :write, :value [[:w 1 1]], :process 0}
{:type :invoke, :f :read, :value [[:r 0 nil] [:r 1 nil]], :process 0}
{:type :ok, :f :read, :value [[:r 0 nil] [:r 1 1]], :process 0}
`, `s0 p0 ok write(1 1)
s0 p0 ok read(0)=absent read(1)=1
`},
	{"bank without transfers", "edn", `{:type :invoke, :f :read, :process 0, :time 1, :index 0}
{:type :ok, :f :read, :process 0, :time 2, :value {0 10, 1 -1}, :index 1}
`, `s0 p0 ok read(0)=10 read(1)=-1
`},
	{"mutex without values", "elle-json", `[{"type":"invoke","f":"acquire","process":1,"time":3,"index":0},{"type":"ok","f":"acquire","process":1,"time":4,"index":1}]
`, `s1 p1 ok acquire(x)
`},
	{"etcd log", "porcupine-etcd", `INFO  jepsen.util - 0	:invoke	:read	nil
INFO  jepsen.util - 1	:invoke	:write	3
INFO  jepsen.util - 0	:ok	:read	nil
INFO  jepsen.util - 0	:invoke	:cas	[3 4]
INFO  jepsen.util - 1	:info	:write	:timed-out
INFO  jepsen.util - 1	:invoke	:read	nil
INFO  jepsen.util - 0	:fail	:cas	[3 4]
INFO  jepsen.util - 1	:fail	:read	:timed-out
INFO  jepsen.util - 0	:invoke	:cas	[0 4]
`, `s0 p0 ok read(x)=absent
s1 p1 info write(x 3) !:timed-out
s0 p0 fail cas(x 3->4)mismatch
s1 p1073741825 fail read(x)=?
s0 p0 info cas(x 0->4)
`},
	{"kv log", "porcupine-kv", `{:process 0, :type :invoke, :f :put, :key "a", :value "x"}
{:process 1, :type :invoke, :f :get, :key "a", :value nil}
{:process 0, :type :ok, :f :put, :key "a", :value "x"}
{:process 0, :type :invoke, :f :append, :key "a", :value "y"}
{:process 1, :type :ok, :f :get, :key "a", :value ""}
`, `s0 p0 ok write(a "x")
s1 p1 ok read(a)=""
s0 p0 info concat(a "y")
`},
	{"register", "edn", `; a register
{:process 0, :type :invoke, :f :write, :value 3, :time 10}
{:process 1, :type :invoke, :f :read, :value nil, :time 11}
{:process :nemesis, :type :info, :f :start-partition, :value "n1", :time 12}
{:process 0, :type :ok, :f :write, :value 3, :time 13}
{:process 1, :type :ok, :f :read, :value 3, :time 14}
{:process 1, :type :invoke, :f :cas, :value [3 4], :time 15}
{:process 1, :type :info, :f :cas, :value [3 4], :error :timeout, :time 16}
{:process 1, :type :invoke, :f :write, :value nil, :time 17, :node "n2"}
`, `s0 p0 ok write(x 3)
s1 p1 ok read(x)=3
s1 p1 info cas(x 3->4) !timeout
s1 p2 info @n2 delete(x)
`},
	{"independent keys in a vector", "edn", `[{:type :invoke, :f :write, :value [7 1], :process 0} {:type :ok, :f :write, :value [7 1], :process 0}
{:type :invoke, :f :read, :value ["b" nil], :process 0} {:type :ok, :f :read, :value ["b" nil], :process 0}
 {:type :invoke, :f :cas, :value [7 [1 2]], :process 0} {:type :fail, :f :cas, :value [7 [1 2]], :process 0}]`,
		`s0 p0 ok write(7 1)
s0 p0 ok read(b)=absent
s0 p0 fail cas(7 1->2)
`},
	{"tuples of old Knossos", "edn", `[0 :invoke :write 1]
[1 :invoke :read nil]
[0 :ok :write 1]
[1 :ok :read 1]`, `s0 p0 ok write(x 1)
s1 p1 ok read(x)=1
`},
	{"append", "edn", `#jepsen.history.Op{:process 0, :type :invoke, :f :txn, :value [[:append :x 1] [:r :y nil]]}
#jepsen.history.Op{:process 0, :type :ok, :f :txn, :value [[:append :x 1] [:r :y []]]}
{:process 1, :type :invoke, :f :txn, :value [[:r :x nil] [:append :y 2]]}
{:process 1, :type :info, :f :txn, :value [[:r :x [1]] [:append :y 2]]}`, `s0 p0 ok append(:x 1) read-list(:y)=[]
s1 p1 info read-list(:x)=[1] append(:y 2)
`},
	{"register transactions as json", "elle-json", `[{"type":"invoke","f":"txn","value":[["w",1,2],["r","a",null]],"process":1,"index":0,"time":5},
 {"type":"ok","f":"txn","value":[["w",1,2],["r","a",null]],"process":1,"index":1,"time":6}]`, `s1 p1 ok write(1 2) read(a)=absent
`},
	{"bank", "elle-json", `{"type":"invoke","f":"transfer","value":{"from":0,"to":1,"amount":5},"process":1}
{"type":"ok","f":"transfer","value":{"from":0,"to":1,"amount":5},"process":1}
{"type":"invoke","f":"read","value":null,"process":2}
{"type":"ok","f":"read","value":{"0":95,"1":105},"process":2}`, `s1 p1 ok transfer(0>1 5)
s2 p2 ok read(0)=95 read(1)=105
`},
	{"set", "edn", `{:process 0, :type :invoke, :f :add, :value 1}
{:process 0, :type :ok, :f :add, :value 1}
{:process 0, :type :invoke, :f :read, :value nil}
{:process 0, :type :ok, :f :read, :value #{1 #_2}}`, `s0 p0 ok add(x 1)
s0 p0 ok read-set(x)=[1]
`},
	{"counter", "edn", `{:process 0, :type :invoke, :f :add, :value 2}
{:process 0, :type :ok, :f :add, :value 2}
{:process 0, :type :invoke, :f :read, :value nil}
{:process 0, :type :ok, :f :read, :value 2}`, `s0 p0 ok increment(x 2)
s0 p0 ok read-counter(x)=2
`},
	{"queue", "edn", `{:process 0, :type :invoke, :f :enqueue, :value 2}
{:process 0, :type :ok, :f :enqueue, :value 2}
{:process 0, :type :invoke, :f :dequeue}
{:process 0, :type :ok, :f :dequeue, :value 2}
{:process 0, :type :invoke, :f :drain}
{:process 0, :type :ok, :f :drain, :value [3 4]}`, `s0 p0 ok enqueue(x 2)
s0 p0 ok dequeue(x)=2
s0 p0 ok dequeue(x)=3 dequeue(x)=4 dequeue(x)=absent
`},
	{"plume", "plume", "w(1,5,0,0)\nr(2,0,0,0)\nr(1,5,3,1)\nw(1,9,3,-1)\nr(1,9,3,-1)\n", `s0 p0 ok write(1 5) read(2)=absent
s1 p1 ok read(1)=5
s1 p1 fail write(1 9)
`},
	{"awdit", "awdit", "w 0 0\nw 1 0\n=====\nw 0 1\n-----\nr 0 1\nr 1 0\n=====\nr 0 0\n", `s0 p0 ok write(0 1)
s0 p0 ok read(0)=1 read(1)=absent
s1 p1 ok read(0)=absent
`},
	{"awdit without the initial session", "awdit", "w 0 7\n-----\nr 0 7\n", `s0 p0 ok write(0 7)
s0 p0 ok read(0)=7
`},
	{"dbcop text", "dbcop-hist", "// one\n[x:=1 y==?] [y:=2]!\n---\n[x==1]\n", `s0 p0 ok write(x 1) read(y)=absent
s0 p0 fail write(y 2)
s1 p1 ok read(x)=1
`},
	{"dbcop json", "dbcop-json", `{"params":{"id":0},"info":"g","data":[[{"events":[{"Write":{"variable":0,"version":1}},{"Read":{"variable":1,"version":null}}],"committed":true}],[{"events":[["r",0,1]],"committed":false}]]}`,
		`s0 p0 ok write(0 1) read(1)=absent
s1 p1 fail read(0)=1
`},
	{"dbcop bincode", "dbcop-bincode", bincode([][3]uint64{{1, 4, 9}}, [][3]uint64{{0, 4, 9}, {0, 5, 0}}), `s0 p0 ok write(4 9)
s1 p1 ok read(4)=9 read(5)=absent
`},
}

func TestSamples(t *testing.T) {
	for _, s := range samples {
		t.Run(s.name, func(t *testing.T) {
			in := &input{label: s.name, data: []byte(s.text)}
			f, err := detect(in)
			if err != nil {
				t.Fatal(err)
			}
			if f.Name != s.format {
				t.Fatalf("recognised as %s, want %s", f.Name, s.format)
			}
			h, _, err := readBytes(s.name, []byte(s.text), Options{Format: s.format})
			if err != nil {
				t.Fatal(err)
			}
			if got := dump(h); got != s.want {
				t.Errorf("read\n%swant\n%s", got, s.want)
			}
		})
	}
}

func TestCompressed(t *testing.T) {
	dir := t.TempDir()
	plain := "w(1,5,0,0)\nr(1,5,3,1)\n"
	var gz bytes.Buffer
	z := gzip.NewWriter(&gz)
	if _, err := z.Write([]byte(plain)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"h.txt": []byte(plain), "h.txt.gz": gz.Bytes(), "h.zst": enc.EncodeAll([]byte(plain), nil),
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		h, _, err := Read(path, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(h.Ops) != 2 || h.Header.Source != "plume" {
			t.Errorf("%s: %d operations of %s", name, len(h.Ops), h.Header.Source)
		}
	}
	if _, _, err := readBytes("cut.gz", gz.Bytes()[:gz.Len()-6], Options{}); err == nil || !strings.Contains(err.Error(), "cut.gz") {
		t.Errorf("a cut gzip file: %v", err)
	}
}

func TestCobra(t *testing.T) {
	record := func(kind byte, f ...uint64) string {
		b := []byte{kind}
		for _, n := range f {
			b = binary.BigEndian.AppendUint64(b, n)
		}
		return string(b)
	}
	dir := t.TempDir()
	for name, data := range map[string]string{
		"T2.log": record('S', 7) + record('W', 100, 1<<63, 5) + record('C', 7) +
			record('S', 8) + record('W', 101, 1<<63, 5),
		"T10.log": record('S', 9) + record('R', 7, 100, 1<<63, 5) + record('R', cobraInit, cobraInit, 3, 0) +
			record('R', cobraInit, cobraGCTrue, 4, 0) + record('C', 9),
		"T2.log.debug": "nothing",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h, _, err := Read(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := `s0 p0 ok write(9223372036854775808 100)
s0 p0 info write(9223372036854775808 101)
s1 p1 ok read(9223372036854775808)=100 read(3)=absent
`
	if got := dump(h); got != want {
		t.Errorf("read\n%swant\n%s", got, want)
	}
	if err := os.WriteFile(filepath.Join(dir, "T3.log"), []byte(record('S', 1)+"W"), 0o600); err != nil {
		t.Fatal(err)
	}
	var bad *Error
	if _, _, err := Read(dir, Options{Format: "cobra"}); !errors.As(err, &bad) || bad.Offset != 9 || !strings.HasSuffix(bad.File, "T3.log") {
		t.Errorf("a cut log: %v", err)
	}
}

// TestErrors wants the file, the line or byte, and what was expected.
func TestErrors(t *testing.T) {
	cases := []struct{ format, text, want string }{
		{"edn", "{:process 0, :type :invoke, :f :read}\n{:process 0, :type :oops, :f :read}", "bad:2: expected :type :invoke, :ok, :fail or :info, found :oops"},
		{"edn", "{:process 0, :type :ok, :f :read, :value 1}", "bad:1: expected process 0 to invoke :read before it completes it"},
		{"edn", "{:process 0, :type :invoke, :f :read}\n\n{:process 0, :type :invoke, :f :read}", "bad:3: expected process 0 to complete its :read before it invokes another operation"},
		{"edn", "{:process 0, :type :invoke, :f :dance}", "bad:1: expected :f to be one of txn, read"},
		{"edn", "{:process 0, :type :invoke", `bad:1: expected "}", found the end of the file`},
		{"edn", "{:process 0 :type}", "bad:1: expected a value for every key of the map, found 3 forms"},
		{"edn", "]", `bad:1: expected a value, found "]", which closes nothing`},
		{"edn", `{:process 0, :type :invoke, :f :write, :value "abc`, "bad:1: expected the string to end with a double quote"},
		{"edn", "{:process 0, :type :invoke, :f :txn, :value [[:dance 1 2]]}", "bad:1: expected a micro-operation :r, :w, :append, :send or :poll, found :dance"},
		{"edn", "{:process 0, :type :invoke, :f :cas, :value 5}", "bad:1: expected [old new] as the value of :cas, found 5"},
		{"elle-json", `[{"process":0,"type":"invoke","f":"read"},` + "\n" + `{"process":0,]`, "bad:2: expected JSON"},
		{"elle-json", `[{"process":0,"type":"invoke","f":"read"}`, "bad:1: expected JSON to go on, found the end of the file"},
		{"porcupine-etcd", "INFO  jepsen.util - 0	:invoke	:read	nil\nrubbish", "bad:2: expected 'INFO jepsen.util"},
		{"porcupine-etcd", "INFO  jepsen.util - 0	:invoke	:cas	7", "bad:1: expected [old new] after :cas, found \"7\""},
		{"porcupine-kv", `{:process 0, :type :invoke, :f :put, :key "a", :value nil}`, "bad:1: expected a string as the value of :put, found nil"},
		{"plume", "w(1,2,3,4)\nw(1,2,3)", "bad:2: expected r(key,value,session,txn)"},
		{"plume", "w(1,2,3,4)\nw(1,3,5,4)", "bad:2: expected transaction 4 in session 3, where it began; found session 5"},
		{"plume", "w(1,0,3,4)\nw(1,5,3,5)", "bad:1: expected a written value above 0"},
		{"plume", "w(1,0,3,4)\nw(1,0,4,5)", "bad:2: expected a written value above 0"},
		{"awdit", "w 1 2\nx 1 2", "bad:2: expected 'r key value', 'w key value', dashes or equals signs"},
		{"awdit", "w 1 two", "bad:1: expected two non-negative integers after w"},
		{"dbcop-hist", "[x:=1]\n[y=2]", "bad:2: expected x:=1, x==1, x==? or ], found \"y=2]\""},
		{"dbcop-hist", "[x:=1", "bad:1: expected ] after the transaction, found the end of the line"},
		{"dbcop-json", `[[{"events":[{"Wrote":1}]}]]`, `bad:1: expected {"Read": {...}} or {"Write": {...}}, found a map`},
		{"dbcop-json", `{"info":1}`, `bad:1: expected a field "data" with the sessions`},
		{"dbcop-bincode", bincode()[:20], "bad: at byte 16: expected 8 bytes for the variables, found the end of the file"},
		{"dbcop-bincode", bincode() + "x", "expected the end of the file after the last session, found 1 more bytes"},
	}
	for _, c := range cases {
		_, _, err := readBytes("bad", []byte(c.text), Options{Format: c.format})
		if err == nil {
			t.Errorf("%s: %q was read without an error", c.format, c.text)
			continue
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q:\n  got  %v\n  want %s", c.format, c.text, err, c.want)
		}
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %q: the error is no *Error", c.format, c.text)
		}
	}
}

func TestUnknown(t *testing.T) {
	for _, text := range []string{"", "  \n", "hello world\n", "%PDF-1.4"} {
		if _, _, err := readBytes("f", []byte(text), Options{}); err == nil {
			t.Errorf("%q was recognised", text)
		}
	}
	_, _, err := readBytes("f", []byte("hello"), Options{})
	if err == nil || !strings.Contains(err.Error(), "plume") || !strings.Contains(err.Error(), `"hello"`) {
		t.Errorf("the error does not name the formats and the beginning: %v", err)
	}
	if _, _, err := Read("/nonexistent/file", Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, _, err := Read(t.TempDir(), Options{}); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Errorf("an empty directory: %v", err)
	}
	if _, _, err := readBytes("f", nil, Options{Format: "no-such"}); err == nil || !strings.Contains(err.Error(), "no-such") {
		t.Errorf("an unknown format: %v", err)
	}
	if _, _, err := Read("f", Options{Format: "no-such"}); err == nil || !strings.Contains(err.Error(), "awdit") {
		t.Errorf("an unknown format: %v", err)
	}
	if err := Write(&bytes.Buffer{}, "cobra", &history.History{}); err == nil || !strings.Contains(err.Error(), "edn") {
		t.Errorf("a format that cannot be written: %v", err)
	}
}

func TestNemesis(t *testing.T) {
	text := `{:process :nemesis, :type :info, :f :start-partition, :value :one, :time 100}
{:process :nemesis, :type :info, :f :start-partition, :value "cut n1", :time 200}
{:process :nemesis, :type :info, :f :kill, :value "n2", :time 250}
{:process :nemesis, :type :info, :f :kill, :value "n2", :time 260}
{:process :nemesis, :type :info, :f :stop-partition, :value nil, :time 300}
{:process :nemesis, :type :info, :f :stop-partition, :value "healed", :time 400}
{:process 0, :type :invoke, :f :read, :time 500}`
	h, _, err := readBytes("n", []byte(text), Options{Format: "edn"})
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Faults) != 2 || len(h.Events) != 6 {
		t.Fatalf("%d faults, %d events", len(h.Faults), len(h.Events))
	}
	p, k := h.Faults[0], h.Faults[1]
	if p.Kind != "partition" || p.Injected != 100 || p.TookEffect != 200 || p.Healing != 300 || p.Healed != 400 {
		t.Errorf("partition: %+v", p)
	}
	if k.Kind != "kill" || k.Injected != 250 || k.TookEffect != 260 || k.Healed != 0 {
		t.Errorf("kill: %+v", k)
	}
}

// TestStreamed: one of lapse's own histories reads the same from a file and from memory,
// and so does what is wrong with it.
func TestStreamed(t *testing.T) {
	h, _, err := readBytes("x", []byte(samples[0].text), Options{Format: samples[0].format})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lapse", "lapse-jsonl"} {
		var out bytes.Buffer
		if err := Write(&out, name, h); err != nil {
			t.Fatal(err)
		}
		for _, cut := range []int{out.Len(), out.Len() / 2, 20} {
			data := out.Bytes()[:cut]
			path := filepath.Join(t.TempDir(), "history")
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, format := range []string{"", name} {
				a, _, errA := Read(path, Options{Format: format})
				b, _, errB := readBytes(path, data, Options{Format: format})
				if (errA == nil) != (errB == nil) || errA != nil && errA.Error() != errB.Error() {
					t.Fatalf("%s, %d bytes: %v from the file, %v from memory", name, cut, errA, errB)
				}
				if errA == nil && !reflect.DeepEqual(a, b) {
					t.Fatalf("%s, %d bytes: read differently from the file and from memory", name, cut)
				}
			}
		}
		if !streamed(out.Bytes(), nil) {
			t.Errorf("%s is not read as a stream", name)
		}
	}
}
