package registry_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	checkers "github.com/lapse-test/lapse/checkers/registry"

	"github.com/lapse-test/lapse/targets"
)

var update = flag.Bool("update", false, "write the table of docs/promises.md")

const (
	promisesPage = "../../docs/promises.md"
	promisesMark = "<!-- from here on written by go generate ./targets/registry -->\n"
)

// TestPromisesPage keeps the tables of docs/promises.md equal to the code.
func TestPromisesPage(t *testing.T) {
	b, err := os.ReadFile(promisesPage)
	if err != nil {
		t.Fatal(err)
	}
	head, old, ok := strings.Cut(string(b), promisesMark)
	if !ok {
		t.Fatalf("%s has no line %q", promisesPage, promisesMark)
	}
	text := promisesTables(promises(t))
	if *update {
		if err := os.WriteFile(promisesPage, []byte(head+promisesMark+text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old != text {
		t.Errorf("%s is out of date: go generate ./targets/registry", promisesPage)
	}
}

// promisesTables are a table a target: rows whose pairs of levels promise the same are one.
func promisesTables(all []promise) string {
	var out strings.Builder
	target := ""
	for _, row := range joined(all) {
		if row.target != target {
			target = row.target
			fmt.Fprintf(&out, "\n## %s\n\n| settings | write | read | sessions, faults | promised | not promised |\n| --- | --- | --- | --- | --- | --- |\n", target)
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s |\n", row.settings, strings.Join(row.writes, ", "), strings.Join(row.reads, ", "), row.hows(), row.yes, row.no)
	}
	return out.String()
}

// row is what is promised at all of these levels, to all of these sessions.
type row struct {
	target, settings   string
	writes, reads, how []string
	yes, no            string
}

// same tells whether r differs from o in the column that part returns alone, or, if part is nil, not at all.
func (r *row) same(o *row, part func(*row) *[]string) bool {
	for _, p := range []func(*row) *[]string{writesOf, readsOf, howOf} {
		if (part == nil || part(r) != p(r)) && !slices.Equal(*p(r), *p(o)) {
			return false
		}
	}
	return r.target == o.target && r.settings == o.settings && r.yes == o.yes && r.no == o.no
}

// hows is to whom and over what: "all" where that makes no difference.
func (r *row) hows() string {
	if len(r.how) == len(hows) {
		return "all"
	}
	return strings.Join(r.how, "; ")
}

func writesOf(r *row) *[]string { return &r.writes }
func readsOf(r *row) *[]string  { return &r.reads }
func howOf(r *row) *[]string    { return &r.how }

// joined are the rows of all promises, as few as that makes.
func joined(all []promise) []row {
	var rows []row
	for _, p := range all {
		code := func(s string) []string { return []string{"`" + s + "`"} }
		yes, no := told(p.says.Models)
		r := row{p.target, p.settings, code(p.cfg.WriteLevel), code(p.cfg.ReadLevel), []string{p.how}, yes, no}
		if !slices.ContainsFunc(rows, func(o row) bool { return r.same(&o, nil) }) { // levels that are usual come twice
			rows = append(rows, r)
		}
	}
	for _, part := range []func(*row) *[]string{howOf, readsOf, writesOf} {
		var fewer []row
		for _, r := range rows {
			i := slices.IndexFunc(fewer, func(o row) bool { return r.same(&o, part) })
			if i < 0 {
				fewer = append(fewer, r)
				continue
			}
			*part(&fewer[i]) = append(*part(&fewer[i]), *part(&r)...)
		}
		rows = fewer
	}
	return rows
}

// told lists the strongest models that are promised and the weakest that are not; what these imply goes without saying. Models
// that reads which are old, sessions that go back and lost writes break together have one name.
func told(says map[string]bool) (yes, no string) {
	var is, not []string
	for m, promised := range says {
		weakest := !promised
		strongest := promised
		for o, other := range says {
			if o == m || other != promised {
				continue
			}
			if promised && checkers.Lattice().Implies(o, m) {
				strongest = false
			}
			if !promised && checkers.Lattice().Implies(m, o) {
				weakest = false
			}
		}
		if strongest {
			is = append(is, m)
		}
		if weakest {
			not = append(not, m)
		}
	}
	slices.Sort(is)
	slices.Sort(not)
	rest := maps.Clone(says)
	var groups []string
	for _, g := range []struct {
		name string
		says func(targets.Promised)
	}{{"**lost writes**", targets.Promised.LoseWrites}, {"**old reads**", targets.Promised.ReadOld}, {"**going back**", targets.Promised.ReadBack}} {
		group := targets.Promised{}
		g.says(group)
		whole := true
		for m := range group {
			promised, known := rest[m]
			whole = whole && known && !promised
		}
		if !whole {
			continue
		}
		groups = append(groups, g.name)
		for m := range group {
			delete(rest, m)
		}
	}
	not = slices.DeleteFunc(not, func(m string) bool { _, left := rest[m]; return !left })
	return strings.Join(is, ", "), strings.Join(append(groups, not...), ", ")
}
