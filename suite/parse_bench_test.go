package suite

import "testing"

// BenchmarkParse reads the suite that lapse init writes.
func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := Parse("x.yaml", Example); err != nil {
			b.Fatal(err)
		}
	}
}
