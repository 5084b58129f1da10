package history

import "testing"

// TestTenancy: every key is of one tenant under one name, and no two keys are of the same tenant under the same name.
func TestTenancy(t *testing.T) {
	for _, n := range []Tenancy{0, 1, 2, 3, 7} {
		type place struct {
			tenant int
			local  Key
		}
		seen := map[place]Key{}
		for k := range Key(50) {
			p := place{n.Tenant(k), n.Local(k)}
			if other, taken := seen[p]; taken {
				t.Errorf("of %d tenants %s has both %s and %s under %s", n, TenantName(p.tenant), k, other, p.local)
			}
			seen[p] = k
			if p.tenant >= max(1, int(n)) {
				t.Errorf("of %d tenants %s is of %s", n, k, TenantName(p.tenant))
			}
		}
	}
	for text, want := range map[string]Tenancy{"3": 3, "": 0, "x": 0, "-1": 0, "0": 0} {
		if got := TenancyOf(map[string]string{AttributeTenants: text}); got != want {
			t.Errorf("%q tells of %d tenants, want %d", text, got, want)
		}
	}
}
