package linearizable

import (
	"testing"

	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

func split(t testing.TB, h *history.History) *register.Set {
	t.Helper()
	s, err := register.Split(h, "test", true)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
