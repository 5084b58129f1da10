// Package tenant scopes keys by the tenant that they are of. A tenant's key is stored under its tenant's name, a separator and its own
// name, and every layer below the API (placement, replicas, logs, hints, hash trees) has the whole of it for the key: a tenant is not
// something to be remembered along the way, and what forgets it finds nothing. Names of tenants and keys have no control characters,
// of which the separator is one. So scopes are disjoint, no key outside them can be spelled like one inside, and the keys of a
// tenant lie together in the order of bytes.
package tenant

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Header is the header of a request with its tenant's name.
const Header = "Quorumkv-Tenant"

// MaxName bounds the length of a tenant's name in bytes.
const MaxName = 64

// separator stands between tenant and key, and end comes right after it in the order of bytes.
const (
	separator = "\x1f"
	end       = "\x20"
)

// Check is an error unless name can be a tenant's. It is empty for keys that are of none.
func Check(name string) error {
	switch {
	case len(name) > MaxName:
		return fmt.Errorf("a tenant's name has %d bytes, at most %d are allowed", len(name), MaxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("a tenant's name is not valid UTF-8")
	case strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("a tenant's name has a control character")
	}
	return nil
}

// Scope is under what a key of a tenant is stored. Without a tenant that is the key itself.
func Scope(tenant, key string) string {
	if tenant == "" {
		return key
	}
	return tenant + separator + key
}

// Split is the tenant and the key of what Scope made.
func Split(scoped string) (tenant, key string) {
	if tenant, key, ok := strings.Cut(scoped, separator); ok {
		return tenant, key
	}
	return "", scoped
}

// Between are the bounds of a tenant's keys, or with an empty one of those of none, from one on and below another; without bounds where these are empty. The first bound
// is inside, the second is not, and empty where there is none. Of keys of no tenant, those of tenants lie in between: see Skip.
func Between(tenant, from, to string) (low, high string) {
	if tenant == "" {
		return from, to
	}
	low, high = Scope(tenant, from), tenant+end
	if to != "" {
		high = Scope(tenant, to)
	}
	return low, high
}

// Skip tells of a key of a tenant what comes after all of that tenant's keys; nothing of a key of none.
func Skip(scoped string) (next string) {
	if of, _ := Split(scoped); of != "" {
		return of + end
	}
	return ""
}

// Range are the bounds of all keys of a tenant after one, in the order of bytes; of all that it has, if after is empty. The first bound is
// inside, the second is not.
func Range(tenant, after string) (low, high string) {
	low, high = tenant+separator, tenant+end
	if after != "" {
		low += after + "\x00" // nothing lies between
	}
	return low, high
}
