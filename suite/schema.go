package suite

import (
	"encoding/json"
	"fmt"

	"github.com/invopop/jsonschema"

	"github.com/lapse-test/lapse/results/gate"
)

// JSONSchema is the schema of the suite file, made from the same types that read
// it.
func JSONSchema() ([]byte, error) {
	r := jsonschema.Reflector{FieldNameTag: "yaml", ExpandedStruct: true, Anonymous: true}
	return encode(r.Reflect(&File{}), "lapse suite", "A suite of consistency tests, lapse/v1.")
}

// ResultSchema is the schema of a suite's result (suite.json, --output json=FILE),
// made from the types that write it.
func ResultSchema() ([]byte, error) {
	r := jsonschema.Reflector{ExpandedStruct: true, Anonymous: true, AllowAdditionalProperties: true}
	return encode(r.Reflect(&gate.SuiteResult{}), "lapse suite result", fmt.Sprintf("What a suite came to, schema %d. Readers ignore keys that they do not know.", gate.SuiteSchema))
}

func encode(s *jsonschema.Schema, title, about string) ([]byte, error) {
	s.Title, s.Description = title, about
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding the schema: %w", err)
	}
	return append(b, '\n'), nil
}
