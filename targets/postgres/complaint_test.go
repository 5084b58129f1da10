package postgres

import "testing"

func TestComplains(t *testing.T) {
	for line, want := range map[string]bool{
		`2026-11-30 07:26:11.001 UTC [33] PANIC:  could not read file "pg_logical/replorigin_checkpoint": read 0 of 4`: true,
		`2026-11-30 07:26:11.001 UTC [33] FATAL:  data directory "/d" has invalid permissions`:                         true,
		`2026-11-30 07:26:11.001 UTC [33] [unknown] FATAL:  the database system is starting up`:                        false,
		`2026-11-30 07:26:11.001 UTC [33] FATAL:  terminating walreceiver process due to administrator command`:        false,
		`2026-11-30 07:26:11.001 UTC [33] LOG:  aborting startup due to startup process failure`:                       false,
	} {
		if got := complains(line); got != want {
			t.Errorf("%q: %t, want %t", line, got, want)
		}
	}
}
