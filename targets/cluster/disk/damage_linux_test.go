package disk_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
)

// damage is the only one of a disk.
func (m *mounted) damage() cluster.DiskDamage {
	m.t.Helper()
	c, err := m.Counts(m.t.Context())
	m.must(err)
	if len(c.Damages) != 1 {
		m.t.Fatalf("it has damaged %+v", c.Damages)
	}
	return c.Damages[0]
}

// stored is what the directory below has of a file.
func (m *mounted) stored(name string) []byte {
	m.t.Helper()
	b, err := os.ReadFile(filepath.Join(m.backing, name))
	m.must(err)
	return b
}

func (m *mounted) writeAt(name string, off int64, data []byte, synced bool) {
	m.t.Helper()
	f, err := os.OpenFile(m.path(name), os.O_RDWR, 0)
	m.must(err)
	_, err = f.WriteAt(data, off)
	m.must(err)
	if synced {
		m.must(f.Sync())
	}
	m.must(f.Close())
}

// TestFlip: what comes of a flipped bit, by what was done to the file between.
func TestFlip(t *testing.T) {
	all := strings.Repeat("abcdefgh", 2048)
	other := func(d cluster.DiskDamage) []byte { return []byte{d.After ^ 0x80} }
	for _, c := range []struct {
		name string
		do   func(m *mounted, d cluster.DiskDamage)
		end  cluster.DamageEnd
		// own: the byte is the one that was written over the flipped one.
		own bool
		// lost: a power failure afterwards takes that back.
		lost bool
	}{
		{"nothing", func(*mounted, cluster.DiskDamage) {}, cluster.DamagePutBack, false, false},
		{"another byte of the block written", func(m *mounted, d cluster.DiskDamage) {
			m.writeAt("a", d.Offset^1, []byte{all[d.Offset^1]}, false)
		}, cluster.DamagePutBack, false, false},
		{"another byte of the block written and synced", func(m *mounted, d cluster.DiskDamage) {
			m.writeAt("a", d.Offset^1, []byte{all[d.Offset^1]}, true)
		}, cluster.DamagePutBack, false, false},
		{"written over", func(m *mounted, d cluster.DiskDamage) { m.writeAt("a", d.Offset, other(d), false) }, cluster.DamageOverwritten, true, true},
		{"written over and synced", func(m *mounted, d cluster.DiskDamage) { m.writeAt("a", d.Offset, other(d), true) }, cluster.DamageOverwritten, true, false},
		{"renamed", func(m *mounted, _ cluster.DiskDamage) {
			m.must(os.Rename(m.path("a"), m.path("b")))
			m.must(os.Rename(m.path("b"), m.path("a")))
		}, cluster.DamagePutBack, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := mount(t, false)
			m.write("a", all, true)
			m.write("never synced", all+all, false)
			m.must(m.Break(t.Context(), cluster.DiskFault{Flip: true, Seed: 7}))
			d := m.damage()
			want := []byte(all)
			if d.File != "a" || d.Before != want[d.Offset] || d.Before^d.After == 0 || (d.Before^d.After)&(d.Before^d.After-1) != 0 || d.Reads != 0 || d.End != "" {
				t.Fatalf("it has damaged %+v", d)
			}
			want[d.Offset] = d.After
			if got := m.has()["a"]; got != string(want) {
				t.Errorf("read, it has a difference at %d", differ(got, string(want)))
			}
			if d = m.damage(); d.Reads == 0 {
				t.Error("it was read, and no read is counted")
			}
			c.do(m, d)
			m.must(m.Mend(t.Context()))
			if want[d.Offset] = d.Before; c.own {
				want[d.Offset] = other(d)[0]
			}
			reads := d.Reads
			if d = m.damage(); d.End != c.end {
				t.Errorf("its end is %q, want %q", d.End, c.end)
			}
			check := func(when string) {
				t.Helper()
				if got := m.has()["a"]; got != string(want) || !bytes.Equal(m.stored("a"), want) {
					t.Errorf("%s, what is read differs from what is wanted at %d, what is stored at %d", when, differ(got, string(want)), differ(string(m.stored("a")), string(want)))
				}
			}
			check("mended")
			if d = m.damage(); d.Reads > reads+2 {
				t.Errorf("mended, %d reads of it are counted, and %d before", d.Reads, reads)
			}
			m.fail(cluster.PowerFailure{})
			if c.lost {
				want[d.Offset] = d.Before
			}
			check("after a power failure")
		})
	}
}

// differ is where two texts differ first.
func differ(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// TestFlipUnread: nobody reads, and the file goes.
func TestFlipUnread(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(m *mounted)
		end  cluster.DamageEnd
	}{
		{"nothing", func(*mounted) {}, cluster.DamagePutBack},
		{"removed", func(m *mounted) { m.must(os.Remove(m.path("a"))) }, cluster.DamageRemoved},
		{"replaced", func(m *mounted) {
			m.write("b", "y", true)
			m.must(os.Rename(m.path("b"), m.path("a")))
		}, cluster.DamageRemoved},
		{"cut off", func(m *mounted) { m.must(os.Truncate(m.path("a"), 0)) }, cluster.DamageOverwritten},
	} {
		for _, open := range []bool{true, false} { // the kernel may forget what nobody has open
			t.Run(fmt.Sprintf("%s, open %t", c.name, open), func(t *testing.T) {
				m := mount(t, false)
				m.write("a", "x", true)
				f, err := os.Open(m.path("a"))
				m.must(err)
				m.must(m.Break(t.Context(), cluster.DiskFault{Flip: true}))
				if !open {
					m.must(f.Close())
				}
				c.do(m)
				m.must(m.Mend(t.Context()))
				if open {
					m.must(f.Close())
				}
				if d := m.damage(); d.End != c.end || d.Reads != 0 {
					t.Errorf("it says %+v", d)
				}
			})
		}
	}
}

// TestNothingToFlip: what was never synced, is empty or only zeros.
func TestNothingToFlip(t *testing.T) {
	for name, do := range map[string]func(m *mounted){
		"nothing":      func(*mounted) {},
		"never synced": func(m *mounted) { m.write("a", "x", false) },
		"empty":        func(m *mounted) { m.write("a", "", true) },
		"zeros":        func(m *mounted) { m.write("a", "\x00\x00", true) },
		"written since": func(m *mounted) {
			m.write("a", "x", true)
			m.writeAt("a", 0, []byte("y"), false)
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := mount(t, false)
			do(m)
			before := m.has()
			if err := m.Break(t.Context(), cluster.DiskFault{Flip: true}); err == nil || !strings.Contains(err.Error(), "no file with a block") {
				t.Errorf("it flips something: %v", err)
			}
			if c, err := m.Counts(t.Context()); err != nil || c.Broken || len(c.Damages) > 0 {
				t.Errorf("it counts %+v (%v)", c, err)
			}
			m.want(before)
		})
	}
}

// TestMisdirected: a write lands in other blocks of its file, once.
func TestMisdirected(t *testing.T) {
	old := bytes.Repeat([]byte("o"), 3*4096)
	for _, c := range []struct {
		name     string
		off, n   int64
		file     []byte
		synced   bool // after the write
		happens  bool
		wantSize int64
	}{
		{"a block", 4096, 4096, old, false, true, 3 * 4096},
		{"a block, synced", 4096, 4096, old, true, true, 3 * 4096},
		{"within a block", 4100, 8, old, true, true, 3 * 4096},
		{"appended", 3 * 4096, 10, old, true, true, 3*4096 + 10},
		{"as long as the file", 0, 3 * 4096, old, true, false, 3 * 4096},
		{"a file of one block", 3, 4, old[:4096], true, false, 4096},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := mount(t, false)
			m.write("a", string(c.file), true)
			m.must(m.Break(t.Context(), cluster.DiskFault{Misdirect: true, Seed: 5}))
			data := bytes.Repeat([]byte("n"), int(c.n))
			m.writeAt("a", c.off, data, c.synced)
			counts, err := m.Counts(t.Context())
			m.must(err)
			if len(counts.Damages) == 1 != c.happens {
				t.Fatalf("it has damaged %+v", counts.Damages)
			}
			want := append(bytes.Clone(c.file), make([]byte, c.wantSize-int64(len(c.file)))...)
			if !c.happens {
				copy(want[c.off:], data)
			} else {
				d := counts.Damages[0]
				if d.File != "a" || *d.Meant != c.off || d.Bytes != c.n || d.Before != 'o' || d.After != 'n' || d.Offset != d.Landed ||
					d.Landed%4096 != c.off%4096 || d.Landed/4096 == c.off/4096 {
					t.Fatalf("it says %+v", d)
				}
				copy(want[d.Landed:], data)
			}
			if got := m.stored("a"); !bytes.Equal(got, want) {
				t.Errorf("it has %d bytes, want %d; a difference at %d", len(got), len(want), differ(string(got), string(want)))
			}
			m.must(m.Mend(t.Context()))
			if c.happens && m.damage().End != cluster.DamageStays {
				t.Errorf("mended, it says %+v", m.damage())
			}
			// A file without anything cached: what was cached goes some time after the write.
			m.uncached("a", want)
			if c.happens && m.damage().Reads == 0 {
				t.Error("it was read, and no read is counted")
			}
			m.fail(cluster.PowerFailure{})
			if !c.synced {
				want = c.file
			}
			m.want(map[string]string{"a": string(want)})
			// The next write is none of it.
			m.writeAt("a", 0, []byte("z"), true)
			if got := m.stored("a")[0]; got != 'z' {
				t.Errorf("the next write has left %q", got)
			}
		})
	}
}

// uncached reads past the cache.
func (m *mounted) uncached(name string, want []byte) {
	m.t.Helper()
	fd, err := unix.Open(m.path(name), unix.O_RDONLY|unix.O_DIRECT, 0)
	m.must(err)
	defer func() { _ = unix.Close(fd) }()
	b, err := unix.Mmap(-1, 0, 4*4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	m.must(err)
	n, err := unix.Pread(fd, b, 0)
	m.must(err)
	if !bytes.Equal(b[:n], want) {
		m.t.Errorf("read past the cache, there is a difference at %d", differ(string(b[:n]), string(want)))
	}
	m.must(unix.Munmap(b))
}
