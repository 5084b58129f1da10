package external

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"

	"github.com/lapse-test/lapse/targets"
)

// The options of an encrypted connection.
const (
	optTLS     = "tls"
	optTLSCA   = "tls_ca"
	optTLSCert = "tls_cert"
	optTLSKey  = "tls_key"
)

// TLSOptions are the settings of targets that encrypt their connections.
func TLSOptions() []targets.Option {
	return []targets.Option{
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
		return nil, targets.Usagef("--set tls=off goes with none of tls_ca, tls_cert and tls_key")
	case options[optTLS] == "off", options[optTLS] == "" && local && files == "":
		return nil, nil
	}
	cfg := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if path := options[optTLSCA]; path != "" {
		pem, err := os.ReadFile(path)
		if err != nil {
			return nil, targets.Usagef("--set tls_ca=%s: %v", path, err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, targets.Usagef("--set tls_ca=%s: there is no certificate in it (PEM)", path)
		}
	}
	if (options[optTLSCert] == "") != (options[optTLSKey] == "") {
		return nil, targets.Usagef("--set tls_cert and --set tls_key go together")
	}
	if path := options[optTLSCert]; path != "" {
		pair, err := tls.LoadX509KeyPair(path, options[optTLSKey])
		if err != nil {
			return nil, targets.Usagef("--set tls_cert=%s: %v", path, err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}
