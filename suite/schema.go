package suite

import (
	"encoding/json"
	"fmt"

	"github.com/invopop/jsonschema"
)

// JSONSchema is the schema of the suite file, made from the same types that read
// it.
func JSONSchema() ([]byte, error) {
	r := jsonschema.Reflector{FieldNameTag: "yaml", ExpandedStruct: true, Anonymous: true}
	s := r.Reflect(&File{})
	s.Title, s.Description = "lapse suite", "A suite of consistency tests, lapse/v1."
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding the schema: %w", err)
	}
	return append(b, '\n'), nil
}
