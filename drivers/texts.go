package drivers

import (
	"sync"

	"github.com/lapse-test/lapse/history"
)

// maxTexts is how many foreign values a driver keeps apart; what comes after them is one value.
const maxTexts = 1 << 16

// texts are the values that a database returned to a driver and that are no integers. Safe for
// concurrent use.
type texts struct {
	mu      sync.Mutex
	numbers map[string]int
	list    []string
}

func newTexts() *texts { return &texts{numbers: map[string]int{}} }

// value is the value that stands for s in this driver.
func (t *texts) value(s string) history.Value {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, known := t.numbers[s]
	if !known {
		if len(t.list) == maxTexts {
			return history.TextValue(maxTexts - 1)
		}
		if n = len(t.list); n == maxTexts-1 {
			s = "(one of many values that are no integers)"
		}
		t.numbers[s] = n
		t.list = append(t.list, s)
	}
	return history.TextValue(n)
}

// text is what v stands for.
func (t *texts) text(v history.Value) (int, string, bool) {
	i, ok := v.TextIndex()
	if !ok {
		return 0, "", false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if i >= len(t.list) {
		return 0, "", false
	}
	return i, t.list[i], true
}
