package postgres

import (
	"slices"
	"testing"
)

// FuzzParseAddresses: what is accepted is a few nodes, each named once, none with a password in what is stored.
func FuzzParseAddresses(f *testing.F) {
	for _, s := range []string{"db1:5432,db2:5432", "postgres://app@db1,db2:5433/test?sslmode=require", "host=a,b port=1,2 dbname=t", "host='a' user=b", "[::1]:5432"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list, err := parseAddresses([]string{s})
		if err != nil {
			return
		}
		if len(list) == 0 || len(list) > info.MaxNodes {
			t.Fatalf("%q is %d nodes", s, len(list))
		}
		var names []string
		for _, a := range list {
			if passwordKey.MatchString(a.dsn) {
				t.Fatalf("%q keeps a password", s)
			}
			names = append(names, a.hostPort())
		}
		slices.Sort(names)
		if len(slices.Compact(names)) != len(list) {
			t.Fatalf("%q names a node twice", s)
		}
	})
}
