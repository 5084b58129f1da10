package realcluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authority signs what the programs of a cluster show each other.
type authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	next int64
}

func newAuthority(t testing.TB, dir string) *authority {
	t.Helper()
	a := &authority{t: t, dir: dir}
	own := a.template(pkix.Name{CommonName: "lapse's test cluster"})
	own.IsCA, own.BasicConstraintsValid, own.KeyUsage = true, true, x509.KeyUsageCertSign
	a.cert, a.key = own, a.newKey("ca.key")
	a.write("ca", own, a.key)
	return a
}

func (a *authority) template(subject pkix.Name) *x509.Certificate {
	a.next++
	return &x509.Certificate{
		SerialNumber: big.NewInt(a.next), Subject: subject,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
}

// newKey writes a private key.
func (a *authority) newKey(name string) *ecdsa.PrivateKey {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.must(err)
	der, err := x509.MarshalECPrivateKey(key)
	a.must(err)
	a.file(name, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
	return key
}

func (a *authority) write(name string, c *x509.Certificate, key *ecdsa.PrivateKey) {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &key.PublicKey, a.key)
	a.must(err)
	a.file(name+".crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// issue writes NAME.key and NAME.crt for a user of a group, or a server with names.
func (a *authority) issue(name, user, group string, names ...string) {
	a.t.Helper()
	subject := pkix.Name{CommonName: user}
	if group != "" {
		subject.Organization = []string{group}
	}
	c := a.template(subject)
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, n)
		}
	}
	a.write(name, c, a.newKey(name+".key"))
}

// user writes NAME.conf, a kubeconfig for who is called so.
func (a *authority) user(name, user, group string) {
	a.t.Helper()
	a.issue(name, user, group)
	a.file(name+".conf", fmt.Appendf(nil, `{"apiVersion": "v1", "kind": "Config", "current-context": "test",
"clusters": [{"name": "test", "cluster": {"server": "https://10.96.0.1", "certificate-authority": "%[1]s/ca.crt"}}],
"users": [{"name": "u", "user": {"client-certificate": "%[1]s/%[2]s.crt", "client-key": "%[1]s/%[2]s.key"}}],
"contexts": [{"name": "test", "context": {"cluster": "test", "user": "u"}}]}`, a.dir, name))
}

func (a *authority) file(name string, text []byte) {
	a.t.Helper()
	a.must(os.WriteFile(filepath.Join(a.dir, name), text, 0o600))
}

func (a *authority) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}
