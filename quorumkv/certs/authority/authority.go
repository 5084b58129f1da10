// Package authority makes the certificates of a cluster that lives no longer than what started it, as a test run does: of an authority of its own, whose key is in memory alone.
package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/lapse-test/lapse/quorumkv/certs"
)

// valid is for how long certificates are: longer than any run, and from before its beginning, as nodes' clocks may differ.
const valid = 366 * 24 * time.Hour

// Authority signs certificates. Make it with New; its methods may be called concurrently.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// New makes an authority with a new key.
func New() (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make an authority's key: %w", err)
	}
	t := template("quorumkv authority", 1)
	t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make an authority's certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read an authority's certificate: %w", err)
	}
	return &Authority{cert, key, block("CERTIFICATE", der)}, nil
}

func template(name string, serial int64) *x509.Certificate {
	return &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-valid), NotAfter: time.Now().Add(valid)}
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// Client is the configuration of a client of that name. It is in memory alone.
func (a *Authority) Client(name string) (*tls.Config, error) {
	cert, key, err := a.sign(name, nil)
	if err != nil {
		return nil, err
	}
	own, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("use the certificate of %s: %w", name, err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return certs.Client(own, pool), nil
}

// Issue writes a certificate for name, which its holder may be reached at by hosts (names or IP addresses), with its key and the authority's certificate, into a directory that
// is there. The key can be read by its owner alone.
func (a *Authority) Issue(dir, name string, hosts []string) (certs.Files, error) {
	cert, key, err := a.sign(name, hosts)
	if err != nil {
		return certs.Files{}, err
	}
	f := certs.Files{Cert: filepath.Join(dir, name+".pem"), Key: filepath.Join(dir, name+"-key.pem"), CA: filepath.Join(dir, "authority.pem")}
	err = errors.Join(os.WriteFile(f.CA, a.pem, 0o600), os.WriteFile(f.Cert, cert, 0o600), os.WriteFile(f.Key, key, 0o600))
	if err != nil {
		return certs.Files{}, fmt.Errorf("keep the certificate of %s: %w", name, err)
	}
	return f, nil
}

// sign makes a certificate and its key, in PEM.
func (a *Authority) sign(name string, hosts []string) (cert, secret []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make the key of %s: %w", name, err)
	}
	t := template(name, time.Now().UnixNano())
	t.KeyUsage, t.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("make the certificate of %s: %w", name, err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("write the key of %s: %w", name, err)
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", pkcs8), nil
}
