package external

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/outcome"
)

// Cure is one way in which a cluster does not let us in, and what to do about it:
// flag, environment variable or option of a suite, for where it was met.
type Cure struct {
	// Match says whether err is of this kind.
	Match func(err error) bool
	// Way is the way out for the user.
	Way string
	// Tell makes the error that is told of the one that was met, such as the server's
	// own words without the driver's around them; nil tells err as it is.
	Tell func(err error) error
}

// Cures are tried in order; the target's own come first.
type Cures []Cure

// Explain makes a *cluster.EnvironmentError of err, which was met while doing; nil of
// nil. An error that is one already stays as it is, and so does a *targets.UsageError.
func (c Cures) Explain(doing string, err error) error {
	var environment *cluster.EnvironmentError
	var usage *targets.UsageError
	if err == nil || errors.As(err, &environment) || errors.As(err, &usage) {
		return err
	}
	way := "see whether the address is right and the node is up"
	for _, cure := range append(c[:len(c):len(c)], common()...) {
		if !cure.Match(err) {
			continue
		}
		way = cure.Way
		if cure.Tell != nil {
			err = cure.Tell(err)
		}
		break
	}
	return &cluster.EnvironmentError{Doing: doing, Err: err, Way: way}
}

// Unfit is the error of Fit for a cluster that was looked at and is not what the levels or
// the options need; way is the way out.
func Unfit(way, format string, args ...any) error {
	return &cluster.EnvironmentError{Doing: "looking at the cluster", Err: fmt.Errorf(format, args...), Way: way}
}

// common are the cures that no database has to name.
func common() Cures {
	return Cures{
		{Match: outcome.As(func(x509.UnknownAuthorityError) bool { return true }), Way: "name the file with the certificate of the authority that signed the server's with --set tls_ca=FILE (in a suite: options: {tls_ca: FILE})", Tell: Innermost[x509.UnknownAuthorityError]},
		{Match: outcome.As(func(x509.HostnameError) bool { return true }), Way: "name the host in --at as its certificate does", Tell: Innermost[x509.HostnameError]},
		{Match: outcome.As(func(e x509.CertificateInvalidError) bool { return e.Reason == x509.Expired }), Way: "the server's certificate has expired, or this machine's clock is wrong: have one of them put right", Tell: Innermost[x509.CertificateInvalidError]},
		{Match: outcome.As(func(*tls.CertificateVerificationError) bool { return true }), Way: "name the certificates to trust with --set tls_ca=FILE, and the host in --at as its certificate does"},
		{Match: outcome.As(func(tls.RecordHeaderError) bool { return true }), Way: "it does not encrypt: use --set tls=off if that is all right"},
		{Match: outcome.As(func(tls.AlertError) bool { return true }), Way: "it refuses the encrypted connection: if it wants a certificate of the client's, name it with --set tls_cert=FILE and --set tls_key=FILE"},
		{Match: outcome.As(func(e *net.DNSError) bool { return e.IsNotFound }), Way: "see whether the host in --at is spelled right and this machine can resolve it"},
		{Match: outcome.Is(syscall.ECONNREFUSED), Way: "nobody listens there: see whether host and port in --at are right and the node is up"},
		{Match: func(err error) bool { var n net.Error; return errors.As(err, &n) && n.Timeout() }, Way: "nothing answers there: see whether a firewall is in between, and the address is right"},
	}
}

// Innermost tells the error of this type in the chain of another, without what drivers and the
// standard library put around it.
func Innermost[T error](err error) error {
	if inner, ok := errors.AsType[T](err); ok {
		return inner
	}
	return err
}
