package exec

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/invopop/jsonschema"
)

var update = flag.Bool("update", false, "write the schema anew")

// TestSchemaIsCurrent makes the schema from the types and compares it with the one that
// is embedded. With -update it writes it.
func TestSchemaIsCurrent(t *testing.T) {
	r := jsonschema.Reflector{ExpandedStruct: true, Anonymous: true}
	s := &jsonschema.Schema{
		Version: jsonschema.Version, Title: "lapse exec protocol",
		Description: fmt.Sprintf("A line of the protocol between lapse and a program (--target %s), version %d. The program reads requests and writes a hello or an answer to each.", Name, protocol),
		Definitions: jsonschema.Definitions{},
	}
	for _, part := range []struct {
		name  string
		value any
	}{{"request", &Request{}}, {"hello", &Hello{}}, {"answer", &Answer{}}} {
		of := r.Reflect(part.value)
		for name, def := range of.Definitions {
			s.Definitions[name] = def
		}
		of.Definitions, of.Version = nil, ""
		s.Definitions[part.name] = of
		s.AnyOf = append(s.AnyOf, &jsonschema.Schema{Ref: "#/$defs/" + part.name})
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, '\n')
	switch {
	case *update:
		if err := os.WriteFile("schema.json", b, 0o644); err != nil {
			t.Error(err)
		}
	case !bytes.Equal(b, Schema()):
		t.Error("targets/exec/schema.json is not what the types say: run go generate ./targets/exec")
	}
}
