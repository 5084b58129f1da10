package drivers

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

// The connection of a run and a driver is TLS 1.3. The run's certificate is made for the run and signed by
// nobody, and no side looks at it: that both have the token proves more than a certificate could, as each proof
// is of the channel too (RFC 9266, tls-exporter). Who stands between the two has a channel with each of them,
// and a proof of one is none for the other.

// bindingLabel and bindingLength are those of RFC 9266.
const (
	bindingLabel  = "EXPORTER-Channel-Binding"
	bindingLength = 32
)

// serverTLS is the run's side of channels, with a key of its own.
func serverTLS() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	made := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lapse run"}, NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, &made, &made, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	}, nil
}

// clientTLS is a driver's side of channels.
func clientTLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true} //nolint:gosec // the token proves who it is, for this channel
}

// secure makes a channel of conn, and returns what is its own and no other channel's.
func secure(ctx context.Context, conn *tls.Conn) (binding []byte, err error) {
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("making an encrypted connection: %w", err)
	}
	state := conn.ConnectionState()
	if binding, err = state.ExportKeyingMaterial(bindingLabel, nil, bindingLength); err != nil {
		return nil, fmt.Errorf("naming the encrypted connection: %w", err)
	}
	return binding, nil
}

// notEncrypted says whether err is what a side makes of another one that does not speak TLS.
func notEncrypted(err error) bool {
	var header tls.RecordHeaderError
	return errors.As(err, &header)
}

// usable is an address at which l can be reached from elsewhere: where it listens everywhere, that of the first
// interface that is not this machine's own, so that what is printed can be typed.
func usable(l net.Addr) string {
	host, port, err := net.SplitHostPort(l.String())
	if err != nil {
		return l.String()
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsUnspecified() {
		return l.String()
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		addrs = nil // none is known but this machine's own
	}
	return net.JoinHostPort(reachable(addrs), port)
}

// reachable is the one of addrs that others reach, the shorter kind first.
func reachable(addrs []net.Addr) string {
	var six string
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		switch {
		case !ok || !n.IP.IsGlobalUnicast():
		case n.IP.To4() != nil:
			return n.IP.String()
		case six == "":
			six = n.IP.String()
		}
	}
	if six != "" {
		return six
	}
	return "127.0.0.1"
}
