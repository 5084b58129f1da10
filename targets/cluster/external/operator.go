package external

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/internal/strictyaml"
	"github.com/lapse-test/lapse/targets/cluster"
)

// file is the operator's file.
type file struct {
	// Timeout bounds each command, such as 30s.
	Timeout string `yaml:"timeout"`
	// All are the commands of every node that has none of its own.
	All cluster.Commands `yaml:"all"`
	// Nodes are those of single nodes: n1 is the first address of --at.
	Nodes map[string]cluster.Commands `yaml:"nodes"`
}

// Inline is the commands as ReadOperator takes them in place of a path: one line of
// JSON, which is YAML. It is empty for none, as for an operator that has no more than a
// supervisor or a carrier.
func Inline(op *cluster.Operator) string {
	if op == nil || op.Carrier != nil || len(op.Nodes) == 0 {
		return ""
	}
	b, err := json.Marshal(struct {
		Timeout string                      `json:"timeout"`
		Nodes   map[string]cluster.Commands `json:"nodes"`
	}{op.Timeout.String(), op.Nodes})
	if err != nil {
		return "" // texts always encode
	}
	return string(b)
}

// ReadOperator reads the file of --operator for these nodes, or the commands
// themselves if path begins with a brace. Its errors are about
// the user's input: they name the file and, where there is one, the line, and quote
// it; none of them repeats a secret.
func ReadOperator(path string, nodes []string) (*cluster.Operator, error) {
	if strings.HasPrefix(path, "{") {
		return parseOperator("the commands", []byte(path), nodes)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the commands of the operator: %w", err)
	}
	return parseOperator(path, b, nodes)
}

func parseOperator(name string, b []byte, nodes []string) (*cluster.Operator, error) {
	var f file
	if err := strictyaml.Unmarshal(b, &f); err != nil {
		if HoldsSecret(string(b)) {
			// The excerpt could show it.
			return nil, fmt.Errorf("%s: it cannot be read as YAML with these keys, and has a secret in it: take that out first", name)
		}
		return nil, fmt.Errorf("%w%s", strictyaml.In(name, err), known(err))
	}
	op := &cluster.Operator{Timeout: defaultTimeout, Nodes: map[string]cluster.Commands{}}
	if f.Timeout != "" {
		d, err := time.ParseDuration(f.Timeout)
		if err != nil || d < 100*time.Millisecond || d > 10*time.Minute {
			return nil, fmt.Errorf("%s: timeout: must be a duration from 100ms to 10m, such as 30s, not %q", name, f.Timeout)
		}
		op.Timeout = d
	}
	for n := range f.Nodes {
		if !slices.Contains(nodes, n) {
			return nil, fmt.Errorf("%s: nodes: there is no node %q; the addresses of --at are called, in their order, %s", name, n, strings.Join(nodes, ", "))
		}
	}
	for _, n := range nodes {
		own, line := f.Nodes[n], f.All
		from, into := reflect.ValueOf(own), reflect.ValueOf(&line).Elem()
		for i := range from.NumField() {
			if from.Field(i).String() != "" {
				into.Field(i).Set(from.Field(i))
			}
			if key := into.Type().Field(i).Tag.Get("yaml"); HoldsSecret(into.Field(i).String()) {
				return nil, fmt.Errorf("%s: the command %s of %s has a secret in it, and commands are stored with the run: leave it in a variable of the environment, which commands inherit, or in a file", name, key, n)
			}
		}
		op.Nodes[n] = line
	}
	if reflect.DeepEqual(f.All, cluster.Commands{}) && len(f.Nodes) == 0 {
		return nil, errors.New(name + ": it has no commands; give some under all or nodes, such as all: {kill: ..., start: ...}")
	}
	return op, nil
}

var unknownField = regexp.MustCompile(`unknown field "([^"]+)"`)

// known lists the keys there are, after one that is not.
func known(err error) string {
	if !unknownField.MatchString(err.Error()) {
		return ""
	}
	return "\nthere are timeout, all and nodes, and for a node cut, heal, probe, kill, start, pause and resume"
}
