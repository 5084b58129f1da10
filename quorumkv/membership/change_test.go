package membership

import (
	"errors"
	"strings"
	"testing"
)

// Every node is asked whether members may change, also one that is no member before or after: it may keep hints of what stood in for a replica. Pairs differ in what n4 says,
// which holds no keys.
func TestWhoIsAskedWhetherMembersMayChange(t *testing.T) {
	for _, tc := range []struct {
		what string
		may  map[string]error
		gone bool
		says string
	}{
		{"n4 keeps nothing", nil, false, ""},
		{"n4 keeps hints", map[string]error{"n4": errors.New("has hints")}, false, "n4: has hints"},
		{"n2, which stays, keeps hints", map[string]error{"n2": errors.New("has hints")}, false, "n2: has hints"},
		{"n4 cannot be asked", nil, true, "n4: cannot be asked whether it keeps what stood in for a replica: start it first; if its directory is gone, with an empty one and --join"},
	} {
		h := newByHand(t, tc.may)
		h.mu.Lock()
		if h.victim = "n4"; tc.gone {
			h.kill()
		}
		h.mu.Unlock()
		before := h.movers["n1"].o.Keeper.View().State
		s, err := h.movers["n1"].Change(t.Context(), Change{Remove: "n3"})
		var r *Refusal
		switch {
		case tc.says == "" && (err != nil || s.Phase != Moving):
			t.Errorf("%s: %s, %v", tc.what, s, err)
		case tc.says != "" && (!errors.As(err, &r) || !strings.Contains(err.Error(), tc.says)):
			t.Errorf("%s: %v, want %q", tc.what, err, tc.says)
		case tc.says != "" && h.movers["n1"].o.Keeper.View().Epoch != before.Epoch:
			t.Errorf("%s: refused, and yet %s", tc.what, h.movers["n1"].o.Keeper.View().State)
		}
		h.end()
	}
}
