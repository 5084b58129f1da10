package postgres

import (
	"errors"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets"
)

func TestExternal(t *testing.T) {
	for _, name := range []string{"PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSSLMODE", "PGSERVICE"} {
		t.Setenv(name, "")
	}
	t.Setenv("PGPASSWORD", "hunter2")
	for at, want := range map[string]string{
		"db1":                             "db1:5432",
		"db1:1,db2":                       "db1:1 db2:5432",
		"postgres://app@db1,db2:7/test":   "db1:5432 db2:7",
		"postgresql://db1/test":           "db1:5432",
		"host=db1 port=7 dbname=test":     "db1:7",
		"postgres://db1/?sslmode=disable": "db1:5432",
		"host=db1,db2 port=1,2 user=x":    "db1:1 db2:2",
		"user=x host='db1,db2' port=7":    "db1:7 db2:7",
		"host=db1,db2":                    "db1:5432 db2:5432",
		"postgres://db1/x?options=-c%20statement_timeout%3D5s": "db1:5432",
		// What a driver looks for is found by asking.
		"postgres://db1,db2/x?target_session_attrs=read-write":              "db1:5432 db2:5432",
		"postgres://db1/x?target_session_attrs=primary&application_name=us": "db1:5432",
		"host=db1,db2 target_session_attrs='primary'":                       "db1:5432 db2:5432",
		"host=db1 target_session_attrs=any user=x":                          "db1:5432",
	} {
		target, err := Target{}.External([]string{at})
		must(t, err)
		cfg, err := target.Resolve(targets.Config{})
		must(t, err)
		if got := strings.Join(target.Spec(cfg).At, " "); got != want {
			t.Errorf("%s: %s, want %s", at, got, want)
		}
		list, err := parseAddresses([]string{at})
		must(t, err)
		logins, err := logins(cfg, list)
		must(t, err)
		for _, l := range logins {
			if l.config.ValidateConnect != nil {
				t.Errorf("%s: a standby would not be connected with", at)
			}
			if strings.Contains(at, "options=") && l.config.RuntimeParams["options"] != "-c statement_timeout=5s" {
				t.Errorf("%s: the options are %q", at, l.config.RuntimeParams["options"])
			}
			if encrypted := l.config.TLSConfig != nil; encrypted == strings.Contains(at, "disable") || l.config.Password != "hunter2" {
				t.Errorf("%s: encrypted %v, password %q", at, encrypted, l.config.Password)
			}
		}
	}
	for at, want := range map[string]string{
		"":                                 "want the addresses",
		"postgres://app:hunter2@db1/test":  "PGPASSWORD",
		"postgres://app:@db1/test":         "PGPASSWORD",
		"postgres://db1/x?password=secret": "PGPASSWORD",
		"host=db1 PassWord = hunter2":      "PGPASSWORD",
		"host=db1 sslpassword=hunter2":     "PGPASSWORD",
		"mysql://db1/test":                 "not one of postgres",
		"app:hunter2@db1":                  "no host:port",
		"host=/run/postgresql":             "a socket",
		"host=db1 sslmode=prefer":          "sslmode=verify-full",
		"host=db1 sslmode=hunter2":         "cannot be read",
		"postgres://db1/x?options=-c%20statement_timeout=hunter2": "write %3D for it",
		"host=db1 sslmode=verify-full sslrootcert=/none/ca.pem":   "open /none/ca.pem: no such file",
		"postgres://db1/x?sslmode=require&sslcert=/none/c.pem":    "cannot be read",
		"db1,db1:5432":              "twice",
		"host=db1,db2,db3 port=1,2": "3 hosts and 2 ports: want one port for all, or one for each",
		"host=db1 port=1,2":         "1 host and 2 ports: want one port for all, or one for each",
		"port='1,2'":                "0 hosts and 2 ports: want one port for all, or one for each",
		"host=db1,db1":              "twice",
		"postgres://db1,db2/x?target_session_attrs=standby":                "which one takes the writes",
		"host=db1 target_session_attrs=prefer-standby":                     "which one takes the writes",
		"host=db1 target_session_attrs=read-only":                          "which one takes the writes",
		"host=db1 target_session_attrs=any target_session_attrs=standby":   "which one takes the writes",
		"postgres://db1/x?default_query_exec_mode=simple_protocol":         "pool_mode=session",
		"host=db1 hostaddr=10.0.0.1":                                       "the IP address as the host",
		"postgres://db1/x?options=-c%20synchronous_commit%3Doff":           "--write-level",
		"postgres://db1/x?options=-csearch_path%3Dapp":                     "schema of its own",
		"host=db1 options='-c default_transaction_isolation=serializable'": "--set isolation",
	} {
		_, err := Target{}.External([]string{at})
		var usage *targets.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", at, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the secret is told: %v", at, err)
		}
	}
	target, err := Target{}.External([]string{"db1,db2"})
	must(t, err)
	for want, cfg := range map[string]targets.Config{
		"--nodes 3":         {Nodes: 3},
		"synchronous_commi": {WriteLevel: "QUORUM"},
		"reads at primary":  {ReadLevel: "max-lag"},
		"no such option":    {Options: map[string]string{"sync": "any:1"}},
		"must be one of":    {Options: map[string]string{"isolation": "chaos"}},
	} {
		if _, err := target.Resolve(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", cfg, err, want)
		}
	}
}

// TestSessionAttributesOfTheEnvironment: what an address says goes before it, and what a run
// cannot follow is refused wherever it is said.
func TestSessionAttributesOfTheEnvironment(t *testing.T) {
	for _, c := range []struct {
		value, at string
		refused   bool
	}{
		{"standby", "db1,db2", true},
		{"standby", "postgres://db1/x", true},
		{"read-write", "db1,db2", false},
		{"any", "postgres://db1/x", false},
		{"standby", "host=db1 target_session_attrs=primary", false},
	} {
		t.Setenv(attrsVariable, c.value)
		_, err := Target{}.External([]string{c.at})
		if refused := err != nil && strings.Contains(err.Error(), "unset it"); refused != c.refused || !refused && err != nil {
			t.Errorf("%s with %s: %v, want that it is refused: %t", c.at, c.value, err, c.refused)
		}
	}
}
