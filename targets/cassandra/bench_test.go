package cassandra

import (
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// BenchmarkSession has what a session costs, on one node: to open it, and to read
// and write with it, one operation after the other.
func BenchmarkSession(b *testing.B) {
	d := deploy(b, targets.Config{Nodes: 1})
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			c, err := d.Open(d.ctx, targets.Session{})
			must(b, err)
			must(b, c.Close())
		}
	})
	s := d.at(b, 0, "ONE", "ONE")
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			s.write(b, 1, 1)
		}
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			s.ok(b, history.Mop{Func: history.Read, Key: 1})
		}
	})
	serial := d.at(b, 0, "SERIAL", "SERIAL")
	b.Run("write at SERIAL", func(b *testing.B) {
		for b.Loop() {
			serial.write(b, 2, 1)
		}
	})
}
