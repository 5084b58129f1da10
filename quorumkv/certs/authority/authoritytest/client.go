// Package authoritytest has certificates for tests of connections.
package authoritytest

import (
	"crypto/tls"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/certs/authority"
)

// Client is the configuration of a client of that name, with a certificate of an authority that nobody else has. It ends t if there is none.
func Client(t testing.TB, name string) *tls.Config {
	t.Helper()
	a, err := authority.New()
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.Client(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
