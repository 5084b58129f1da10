//go:build unix

package formats

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// mappedFiles are texts whose histories keep a word of each kind: names of keys, nodes,
// levels and processes, texts, errors, notes, events, faults, and what the file is of.
func mappedFiles() map[string]string {
	var edn, jepsen, plume, awdit, hist, etcd, kv strings.Builder
	edn.WriteString(`{:process :nemesis, :type :info, :f :start-partition, :value "cut n1 off", :time 1}` + "\n")
	edn.WriteString(`{:process :nemesis, :type :info, :f :start-partition, :value :done, :time 2}` + "\n")
	for i := range 300 {
		fmt.Fprintf(&edn, `{:process "client %d", :type :invoke, :f :add, :value ["key %d" "e%d"], :node "n%d", :data-type "set", :time %d}`+"\n", i%7, i%5, i, i%3, 10*i+5)
		fmt.Fprintf(&edn, `{:process "client %d", :type :info, :f :add, :value ["key %d" "e%d"], :error "lost %d", :note "seen %d", :time %d}`+"\n", i%7, i%5, i, i%9, i%8, 10*i+8)
		fmt.Fprintf(&jepsen, "%d\t:invoke\t:write\tword-%d\n%d\t:fail\t:write\tword-%d\ttimed out %d\n", i%7, i, i%7, i, i%4)
		fmt.Fprintf(&plume, "w(%d,%d,%d,%d)\nr(%d,0,%d,%d)\n", i%5, i+1, i%3, i, i%4, i%3, i)
		fmt.Fprintf(&awdit, "w %d %d\n----\n", i%5, i+1)
		fmt.Fprintf(&hist, "[name_%d:=%d other==?]\n---\n", i%5, i+1)
		fmt.Fprintf(&etcd, "INFO  jepsen.util - %d\t:invoke\t:write\t%d\nINFO  jepsen.util - %d\t:info\t:write\t:timed-out-%d\n", i, i, i, i%3)
		fmt.Fprintf(&kv, `{:process %d, :type :invoke, :f :append, :key "k%d", :value "x%d"}`+"\n", i, i%5, i)
	}
	edn.WriteString(`{:process :nemesis, :type :info, :f :stop-partition, :value nil, :time 100000}` + "\n")
	return map[string]string{
		"edn": edn.String(), "jepsen-txt": jepsen.String(), "plume": plume.String(), "awdit": awdit.String(), "dbcop-hist": hist.String(),
		"porcupine-etcd": etcd.String(), "porcupine-kv": kv.String(),
		"elle-json":  `[{"process":"a","type":"invoke","f":"write","value":"word","data-type":"register"},{"process":"a","type":"fail","f":"write","value":"word","error":["no","room"]}]`,
		"dbcop-json": `{"data":[[{"events":[{"Write":{"variable":"name","version":"text"}}],"committed":true}]]}`,
	}
}

// TestMapped: a history that was read from a mapped file keeps nothing of it, and is the one
// that is read from memory.
func TestMapped(t *testing.T) {
	dir := t.TempDir()
	for format, text := range mappedFiles() {
		for _, begin := range []string{"", "\n\n", string(bom)} {
			path := filepath.Join(dir, "file")
			if err := os.WriteFile(path, []byte(begin+text), 0o600); err != nil {
				t.Fatal(err)
			}
			want, _, err := readBytes(path, []byte(begin+text), Options{Format: format})
			if err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			in := mapped(f, path, 1)
			if in == nil {
				t.Fatalf("%s: it is not mapped", format)
			}
			h, _, err := in.read(nil, &Options{})
			in.close()
			if err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			if !reflect.DeepEqual(h, want) {
				t.Errorf("%s: got\n%s%+v %+v\nwant\n%s%+v %+v", format, dump(h), h.Events, h.Faults, dump(want), want.Events, want.Faults)
			}
		}
	}
}

// TestMappedPages: pages that were given back are there again for who reads them.
func TestMappedPages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	line := []byte("w(1,2,3,4)\n")
	text := bytes.Repeat(line, 3*passedBytes/len(line))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	in := mapped(f, path, leastMapped)
	if in == nil {
		t.Fatal("it is not mapped")
	}
	defer in.close()
	for range 2 {
		in.again()
		lines := 0
		err := in.lines(func(_ int, l []byte) error { lines++; return nil })
		if err != nil || lines != len(text)/len(line) || in.mapping.left < passedBytes || !bytes.Equal(in.data, text) {
			t.Errorf("%d lines, %v, given back up to byte %d", lines, err, in.mapping.left)
		}
	}
}

// TestCutWhileRead: a file that becomes shorter while it is read is an error, and no crash.
func TestCutWhileRead(t *testing.T) {
	for format, text := range mappedFiles() {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		in := mapped(f, path, 1)
		if in == nil {
			t.Fatalf("%s: it is not mapped", format)
		}
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
		_, _, err = in.read(nil, &Options{})
		in.close()
		if err == nil || !strings.Contains(err.Error(), "became shorter, or its disk failed, while it was read") {
			t.Errorf("%s: %v", format, err)
		}
	}
	packed := filepath.Join(t.TempDir(), "packed")
	if err := os.WriteFile(packed, gzipMagic, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(packed)
	if err != nil {
		t.Fatal(err)
	}
	defer closeFile(f)
	if mapped(f, packed, 1) != nil || mapped(f, packed, 3) != nil {
		t.Error("a packed file, or a short one, is mapped")
	}
}
