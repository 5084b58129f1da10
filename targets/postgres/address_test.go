package postgres

import (
	"slices"
	"strings"
	"testing"
)

// TestLists has the lists that one --at can be, each with the same two nodes.
func TestLists(t *testing.T) {
	for _, text := range []string{
		"db1:5432,db2:5433", "db1:5432, db2:5433",
		"postgres://app@db1:5432/test,postgres://app@db2:5433/test",
		"postgres://app@db1:5432/test?sslmode=require, postgresql://app@db2:5433/test?sslmode=require",
		"postgres://app@db1:5432,db2:5433/test",
		"host=db1,db2 port=5432,5433 dbname=test",
	} {
		list, err := parseAddresses([]string{text})
		if err != nil || len(list) != 2 || list[0].hostPort() != "db1:5432" || list[1].hostPort() != "db2:5433" {
			t.Errorf("%s: %d nodes, %v", text, len(list), err)
		}
	}
	if _, err := parseAddresses([]string{"postgres://app@db1/te%2Cst%40?application_name=a@b,c"}); err != nil {
		t.Errorf("a name with escaped signs: %v", err)
	}
	for _, text := range []string{
		"postgres://app@db1/test,mysql://app:hunter2@db2/test", "postgres://app@db1/test,postgres://app:hunter2@db2/test",
		"postgres://app@db1/test,app:hunter2@db2/test", "postgres://app@db1/test,db2:5432",
	} {
		if list, err := parseAddresses([]string{text}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %d nodes, %v", text, len(list), err)
		}
	}
}

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
