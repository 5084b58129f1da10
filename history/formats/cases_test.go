package formats

import "testing"

// TestCases reads small histories that were misunderstood or refused at one time.
func TestCases(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ file, taken, want string }{
		{"04-set-read-of-two.edn", "set", `s0 p0 ok add(x 1)
s1 p1 ok add(x 2)
s2 p2 ok read-set(x)=[1 2]
`},
		{"05-register-of-maps.edn", "register", `s0 p0 ok write(x "{:x 1 :y 2}")
s1 p1 ok read(x)="{:x 1 :y 2}"
s0 p0 ok write(x "{:x 5}")
s1 p1 ok read(x)="{:x 5 :y 2}"
`},
		{"06-process-is-text.edn", "register", `s1 p1 ok write(x 7)
s0 p0 ok read(x)=7
`},
		{"07-object-hex.edn", "register", `s0 p0 info write(x 1) !#object[java.net.SocketTimeoutException 0x5b1f9e2c "Read timed out"]
s1 p1 ok read(x)=1
`},
		{"08-drain-lost.edn", "queue", `s0 p0 ok enqueue(x 1)
s0 p0 ok enqueue(x 2)
s1 p1 ok dequeue(x)=2 dequeue(x)=absent
`},
		{"10-completion-lost-a-write.json", "transactions on registers", `s0 p0 ok read(8)=absent write(8 1)
s1 p1 ok read(8)=1
`},
		{"11-bom.edn", "register", `s0 p0 ok write(x 1)
s1 p1 ok read(x)=1
`},
		{"13-set-readd.edn", "set", `s0 p0 ok add(x 1)
s0 p0 ok remove(x 1)
s0 p0 ok add(x 1)
s1 p1 ok read-set(x)=[1]
`},
		{"14-mutex-two-holders.edn", "lock", `s0 p0 ok acquire(x)
s1 p1 ok acquire(x)
s0 p0 ok release(x)
`},
		{"15-reads-its-own-future.plume", "", `s0 p0 ok read(1)=5
s0 p0 ok write(1 5)
`},
		{"h-06-init-transaction.plume", "", `s1 p1 ok read(1)=absent write(1 7)
s2 p2 ok read(1)=absent write(1 8)
`},
		{"h-09-no-process.edn", "transactions on lists", `s0 p0 ok append(1 1)
s1 p1 ok read-list(1)=[1]
`},
	} {
		h, _, err := Read("testdata/cases/"+c.file, Options{})
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		if got := h.Header.Attributes[AttributeType]; got != c.taken {
			t.Errorf("%s: taken for %q (%s), want %q", c.file, got, h.Header.Attributes[AttributeTypeWhy], c.taken)
		}
		if got := dump(h); got != c.want {
			t.Errorf("%s: %s\n%s", c.file, h.Header.Attributes[AttributeTypeWhy], got)
		}
	}
}
