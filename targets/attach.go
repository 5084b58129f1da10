package targets

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Attacher is implemented by targets that can also be tested where somebody else
// runs them.
type Attacher interface {
	// Attached is the target on the cluster that is there at these addresses, as
	// --at gives them: one a node. Its errors are *UsageError and repeat no
	// secret; an address with a secret in it is refused, because addresses are
	// stored and shown.
	//
	// The target that it returns has a Spec with the addresses, starts nothing and
	// fetches nothing. Its Start attaches to what is there and makes what it needs
	// in one place named after the run; it refuses to when that would touch
	// anything else. Stop removes the place again; if it cannot, its error is a
	// *cluster.EnvironmentError that says how to. If it is a Fetcher, Fetch and
	// Present look at the cluster without changing anything.
	Attached(at []string) (Target, error)
}

// Attach is t on the cluster at these addresses.
func Attach(t Target, at []string) (Target, error) {
	a, ok := t.(Attacher)
	if !ok {
		return nil, Usagef("--at: target %s cannot be tested where somebody else runs it", t.Info().Name)
	}
	return a.Attached(at)
}

// SplitAddresses takes lists apart that are separated by commas.
func SplitAddresses(at []string) []string {
	var out []string
	for _, list := range at {
		for a := range strings.SplitSeq(list, ",") {
			if a = strings.TrimSpace(a); a != "" {
				out = append(out, a)
			}
		}
	}
	return out
}

// Addresses checks addresses of the form host or host:port and completes them with
// a port.
func Addresses(at []string, port int) ([]string, error) {
	var out []string
	for _, a := range SplitAddresses(at) {
		if strings.ContainsAny(a, "@/?") {
			return nil, Usagef("--at: address %d is no host:port, such as db1:%d; credentials come from the environment", len(out)+1, port)
		}
		host, number, err := net.SplitHostPort(a)
		if err != nil { // no port, or a bare IPv6 address
			host, number = strings.Trim(a, "[]"), strconv.Itoa(port)
		}
		if n, err := strconv.ParseUint(number, 10, 16); err != nil || n == 0 || host == "" {
			return nil, Usagef("--at %s: want host:port, such as db1:%d", a, port)
		}
		a = net.JoinHostPort(host, number)
		if slices.Contains(out, a) {
			return nil, Usagef("--at: %s is there twice; name each node once", a)
		}
		out = append(out, a)
	}
	if len(out) == 0 {
		return nil, Usagef("--at: no address; want host:port of each node")
	}
	return out, nil
}

// CheckAttached checks what every attached target checks of cfg: that there are as
// many nodes as addresses.
func CheckAttached(cfg Config, addresses int) (Config, error) {
	if cfg.Nodes == 0 {
		cfg.Nodes = addresses
	}
	if cfg.Nodes != addresses {
		return cfg, Usagef("--nodes %d: --at names %d; leave --nodes out", cfg.Nodes, addresses)
	}
	return cfg, nil
}

// The options of an encrypted connection.
const (
	optTLS     = "tls"
	optTLSCA   = "tls_ca"
	optTLSCert = "tls_cert"
	optTLSKey  = "tls_key"
)

// TLSOptions are the settings of targets that encrypt their connections.
func TLSOptions() []Option {
	return []Option{
		{Name: optTLS, Values: []string{"", "on", "off"}, Help: "encrypt the connections and verify the server's certificate (default: on, but off for addresses of this machine)"},
		{Name: optTLSCA, Help: "file with the certificates that the server's is verified against (default: the system's)"},
		{Name: optTLSCert, Help: "file with a certificate for the client, if the server asks for one"},
		{Name: optTLSKey, Help: "file with the key of tls_cert"},
	}
}

// TLS is how to connect to host with the resolved options: nil for not encrypted.
// Its errors are *UsageError.
func TLS(options map[string]string, host string) (*tls.Config, error) {
	ip := net.ParseIP(host)
	local := host == "localhost" || ip != nil && ip.IsLoopback()
	files := options[optTLSCA] + options[optTLSCert] + options[optTLSKey]
	switch {
	case options[optTLS] == "off" && files != "":
		return nil, Usagef("--set tls=off goes with none of tls_ca, tls_cert and tls_key")
	case options[optTLS] == "off", options[optTLS] == "" && local && files == "":
		return nil, nil
	}
	cfg := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if path := options[optTLSCA]; path != "" {
		pem, err := os.ReadFile(path)
		if err != nil {
			return nil, Usagef("--set tls_ca=%s: %v", path, err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, Usagef("--set tls_ca=%s: there is no certificate in it (PEM)", path)
		}
	}
	if (options[optTLSCert] == "") != (options[optTLSKey] == "") {
		return nil, Usagef("--set tls_cert and --set tls_key go together")
	}
	if path := options[optTLSCert]; path != "" {
		pair, err := tls.LoadX509KeyPair(path, options[optTLSKey])
		if err != nil {
			return nil, Usagef("--set tls_cert=%s: %v", path, err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// OwnName is the name of what the run makes in a database that is not ours: lower
// case letters, digits and _, at most so many.
func OwnName(run string, most int) string {
	name := []byte(OwnPrefix + strings.ToLower(run))
	for i, b := range name {
		if (b < 'a' || b > 'z') && (b < '0' || b > '9') {
			name[i] = '_'
		}
	}
	return string(name[:min(len(name), most)])
}

// OwnPrefix is what every OwnName begins with.
const OwnPrefix = "lapse_"

// Mark is what is written on what the run makes, where the database has room for
// it, so that what a killed run left can be told from what is not ours.
func Mark(run string) string { return MarkPrefix + run }

// MarkPrefix is what every Mark begins with.
const MarkPrefix = "made by lapse for run "

// Leftover is the line about something that another run made and that is still
// there.
func Leftover(what, remove string) string {
	return fmt.Sprintf("%s was made by another run of lapse, which was killed or still runs; it is left alone. To remove it: %s", what, remove)
}

// NotRemoved is the error of Stop when what the run made could not be removed.
func NotRemoved(what, remove string, err error) error {
	return &cluster.EnvironmentError{Doing: "removing " + what, Err: err, Way: "it is still there; remove it with: " + remove}
}

// Taken is the error of Start when the name of the run's own place is taken.
func Taken(what string) error {
	return &cluster.EnvironmentError{
		Doing: "making " + what, Err: fmt.Errorf("there is one of this name already, which this run has not made"),
		Way: "nothing was touched; run again, which makes another name",
	}
}
