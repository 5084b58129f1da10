package postgres

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lapse-test/lapse/targets/cluster"
)

// TestCures: each way not to be let in has the cure for where it was met: the flag and
// the option of a suite, or the address and the environment if they say how to encrypt.
func TestCures(t *testing.T) {
	for _, name := range []string{"PGUSER", "PGPASSWORD", "PGPASSFILE", "PGSSLMODE", "PGSSLROOTCERT"} {
		t.Setenv(name, "")
	}
	server := func(code, message string) error {
		return fmt.Errorf("failed to connect to `user=app database=test`: 192.0.2.7:5432: %w", &pgconn.PgError{Severity: "FATAL", Code: code, Message: message})
	}
	plain, own := "postgres://app@db1/test", "postgres://app@db1/test?sslmode=verify-full"
	for _, c := range []struct {
		name, at, password string
		err                error
		says               []string
	}{
		{"no password", plain, "", server("28P01", `password authentication failed for user "app"`), []string{"no password was given", "PGPASSWORD", "user app"}},
		{"wrong password", plain, "hunter2", server("28P01", `password authentication failed for user "app"`), []string{"is not the one of the user app", "PGUSER"}},
		{"no such user", plain, "", server("28000", `role "app" does not exist`), []string{"PGUSER", "postgres://user@"}},
		{"hostssl", plain, "", server("28000", `no pg_hba.conf entry for host "127.0.0.1", user "app", database "test", no encryption`), []string{"hostssl", "--set tls=on", "options: {tls: on}", "another user with PGUSER"}},
		{"hostssl, by the address", own, "", server("28000", `no pg_hba.conf entry for host "127.0.0.1", user "app", database "test", no encryption`), []string{"sslmode=verify-full", "PGSSLMODE"}},
		{"hostnossl", plain, "", server("28000", `no pg_hba.conf entry for host "127.0.0.1", user "app", database "test", SSL encryption`), []string{"hostnossl", "--set tls=off", "another user with PGUSER"}},
		{"no such database", plain, "", server("3D000", `database "test" does not exist`), []string{"PGDATABASE"}},
		{"may not connect", plain, "", server("42501", `permission denied for database "test"`), []string{`GRANT CONNECT ON DATABASE "test" TO "app"`}},
		{"unknown authority", plain, "", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, []string{"tls_ca=FILE", "options: {tls_ca: FILE}"}},
		{"unknown authority, by the address", own, "", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, []string{"sslrootcert=FILE", "PGSSLROOTCERT"}},
		{"unknown authority, in a driver's words", plain, "", fmt.Errorf("failed to connect: %w", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), []string{"connecting to db1:5432: x509: certificate signed by unknown authority; name the file"}},
		{"another name in the certificate", plain, "", &tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "db1"}}, []string{"as its certificate does"}},
		{"no TLS there", plain, "", errors.New("server refused TLS connection"), []string{"tls=off"}},
		{"no such setting", plain, "", server("42704", `unrecognized configuration parameter "nosuch"`), []string{`parameter "nosuch"; the server`, "options of the address", "PGOPTIONS"}},
		{"no such value", plain, "", server("22023", `invalid value for parameter "statement_timeout": "soon"`), []string{"PGOPTIONS"}},
		{"pooler, settings", plain, "", server("08P01", "unsupported startup parameter: options"), []string{"pooler", "leave it out of the address"}},
		{"pooler, statements", plain, "", server("26000", `prepared statement "stmtcache_1" does not exist`), []string{"pooler"}},
		{"pooler that ignores", plain, "", fmt.Errorf("%w: it is %q", errIgnored, "public"), []string{"pooler"}},
		{"full", plain, "", server("53300", "sorry, too many clients already"), []string{"max_connections", "--concurrency"}},
		{"nobody listens", plain, "", syscall.ECONNREFUSED, []string{"nobody listens there"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("PGPASSWORD", c.password)
			list, err := parseAddresses([]string{c.at})
			must(t, err)
			err = explainLogin(list[0], c.err)
			var environment *cluster.EnvironmentError
			if !errors.As(err, &environment) {
				t.Fatalf("got %v", err)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q does not say %q", err, s)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the secret is told: %v", err)
			}
		})
	}
}
