package history

import "strconv"

// Tenancy is how many tenants the keys of a run are shared out among; 0 for keys that are of none.
type Tenancy int

// TenancyOf is the tenancy that a header's attributes tell of.
func TenancyOf(attributes map[string]string) Tenancy {
	n, err := strconv.Atoi(attributes[AttributeTenants])
	if err != nil || n < 1 {
		return 0
	}
	return Tenancy(n)
}

// Tenant is the number of the tenant that a key is of; 0 without tenants.
func (t Tenancy) Tenant(k Key) int {
	if t == 0 {
		return 0
	}
	return int(k) % int(t)
}

// Local is the key as its tenant names it: each has a key of that name. Without tenants it is the key itself.
func (t Tenancy) Local(k Key) Key {
	if t == 0 {
		return k
	}
	return k / Key(t)
}

// TenantName is the name of the tenant with a number.
func TenantName(tenant int) string { return "t" + strconv.Itoa(tenant) }
