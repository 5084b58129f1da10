package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/shlex"

	"github.com/lapse-test/lapse/quorumkv/defect"
)

func readme(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Every curl command of the README is carried out against three nodes and must give the answer that is printed below it, but for
// versions, the order in which replicas answered, and ports.
func TestReadmeExamples(t *testing.T) {
	c := startCluster(t, 3, false, nil)
	defer http.DefaultClient.CloseIdleConnections()
	_, block, found := strings.Cut(readme(t), "```console\n")
	block, _, closed := strings.Cut(block, "```")
	if !found || !closed {
		t.Fatal("the README has no console block")
	}
	ran := 0
	for _, example := range strings.Split("\n"+block, "\n$ ")[1:] {
		command, want, _ := strings.Cut(example, "\n")
		for name, addr := range c.addrs {
			printed := "127.0.0.1:740" + name[1:]
			command, want = strings.ReplaceAll(command, printed, addr), strings.ReplaceAll(want, printed, addr)
		}
		got := curl(t, command)
		if !reflect.DeepEqual(normal(got), normal(want)) {
			t.Errorf("%s\n got %s\nwant %s", command, got, want)
		}
		ran++
	}
	if ran < 10 {
		t.Fatalf("only %d examples were found", ran)
	}
}

// curl carries out those of curl's options that the README uses.
func curl(t *testing.T, command string) string {
	t.Helper()
	args, err := shlex.Split(command)
	if err != nil || args[0] != "curl" {
		t.Fatalf("%q: not a curl command (%v)", command, err)
	}
	method, body, url, silent := "GET", "", "", false
	var header []string
	for i := 1; i < len(args); i++ {
		switch args[i] {
		case "-s":
		case "-X":
			i++
			method = args[i]
		case "-H":
			i++
			k, v, _ := strings.Cut(args[i], ": ")
			header = append(header, k, v)
		case "--data", "--data-binary":
			i++
			body = args[i]
		case "-o":
			i++
			silent = true
		default:
			if !strings.HasPrefix(args[i], "http://") {
				t.Fatalf("%q: the test does not know %q", command, args[i])
			}
			url = args[i]
		}
	}
	_, got := request(t, method, url, body, header...)
	if silent {
		return ""
	}
	return got
}

// normal decodes JSON and blanks what differs from run to run; what is not JSON it trims.
func normal(s string) any {
	var v any
	if json.Unmarshal([]byte(s), &v) != nil {
		return strings.TrimSpace(s)
	}
	return blank(v)
}

func blank(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			switch k {
			case "number", "wall_ms", "logical":
				v[k] = "*"
			default:
				v[k] = blank(v[k])
			}
		}
	case []any:
		if len(v) > 0 {
			if _, names := v[0].(string); names {
				slices.SortFunc(v, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			}
		}
		for i := range v {
			v[i] = blank(v[i])
		}
	}
	return v
}

func TestReadmeNamesEveryDefectAndKey(t *testing.T) {
	text := readme(t)
	for _, d := range defect.All() {
		if row := fmt.Sprintf("| `%s` | %s | %s | %s |", d.Name, d.What, d.Breaks, d.Exposed); !strings.Contains(text, row) {
			t.Errorf("the README lacks the row\n%s", row)
		}
	}
	typ := reflect.TypeFor[Config]()
	for i := range typ.NumField() {
		if key := typ.Field(i).Tag.Get("yaml"); !strings.Contains(text, "`"+key+"`") {
			t.Errorf("the README does not mention %s", key)
		}
	}
}
