package inpod

import (
	"slices"
	"strings"
	"testing"
)

// FuzzStat reads the state of a process whose name may have any character: there are enough fields, or nothing.
func FuzzStat(f *testing.F) {
	for _, s := range []string{"1 (a b) c) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 33 44 55", "1 (x)", "", ")", "1 (x) S 0"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if fields := statFields(text); fields != nil && (len(fields) < 20 || strings.Contains(fields[0], ")")) {
			t.Errorf("%q: %q", text, fields)
		}
	})
}

// FuzzListeners reads the kernel's table of sockets: those that listen on the port, and no others.
func FuzzListeners(f *testing.F) {
	line := "   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0"
	for _, s := range []string{line, strings.Replace(line, " 0A ", " 01 ", 1), strings.Replace(line, ":1538", ":1539", 1), "  sl  local_address rem_address   st", "", "\n\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, table string) {
		for _, inode := range listeners(table, 5432) {
			if !slices.ContainsFunc(strings.Split(table, "\n"), func(l string) bool {
				return strings.Contains(l, ":1538") && strings.Contains(l, "0A") && strings.Contains(l, inode)
			}) {
				t.Errorf("%q of %q", inode, table)
			}
		}
	})
}
