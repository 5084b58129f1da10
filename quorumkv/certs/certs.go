// Package certs has nodes and clients know each other by certificates: TLS 1.3, in which both sides show one that the cluster's authority has signed. Who has none is
// refused before anything of its request is read.
package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// Files are where, in PEM, the certificate of this side is, its private key, and the certificates of the authorities that sign those of all others.
type Files struct{ Cert, Key, CA string }

// None tells whether no file is named: connections are plain text then.
func (f Files) None() bool { return f == Files{} }

// Check is an error if some files are named and others are not: without a certificate nobody is let in, and without an authority anybody.
func (f Files) Check() error {
	if !f.None() && (f.Cert == "" || f.Key == "" || f.CA == "") {
		return errors.New("give all of the certificate, its key and the authorities' certificates, or none")
	}
	return nil
}

// Load reads the files. The configurations are for those who connect to this side and for those to whom it connects; they are nil if no file is named. What is connected to
// must have a certificate for the host of the address that is dialed. Errors name files, and tell nothing of what is in them.
func Load(f Files) (server, client *tls.Config, err error) {
	if err := f.Check(); err != nil || f.None() {
		return nil, nil, err
	}
	own, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate %s with key %s: %w", f.Cert, f.Key, err)
	}
	pem, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, nil, fmt.Errorf("authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, nil, fmt.Errorf("authorities %s: there is no certificate in it", f.CA)
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool},
		Client(own, pool), nil
}

// Client is the configuration of who connects with this certificate to those whose certificates these authorities have signed.
func Client(own tls.Certificate, authorities *x509.CertPool) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{own}, RootCAs: authorities}
}
