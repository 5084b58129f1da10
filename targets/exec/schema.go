package exec

import (
	"encoding/json"
	"fmt"

	"github.com/invopop/jsonschema"
)

// Schema is the JSON schema of the lines that a program reads and writes, made from the
// types that do so here.
func Schema() ([]byte, error) {
	r := jsonschema.Reflector{ExpandedStruct: true, Anonymous: true}
	s := &jsonschema.Schema{
		Version: jsonschema.Version, Title: "lapse exec protocol",
		Description: fmt.Sprintf("A line of the protocol between lapse and a program (--target %s), version %d. The program reads requests and writes a hello or an answer to each.", Name, protocol),
		Definitions: jsonschema.Definitions{},
	}
	for _, t := range []struct {
		name  string
		value any
	}{{"request", &Request{}}, {"hello", &Hello{}}, {"answer", &Answer{}}} {
		of := r.Reflect(t.value)
		for name, def := range of.Definitions {
			s.Definitions[name] = def
		}
		of.Definitions, of.Version = nil, ""
		s.Definitions[t.name] = of
		s.AnyOf = append(s.AnyOf, &jsonschema.Schema{Ref: "#/$defs/" + t.name})
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding the schema: %w", err)
	}
	return append(b, '\n'), nil
}
