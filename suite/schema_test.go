package suite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/invopop/jsonschema"

	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/settings"
)

// TestSchemasAreCurrent makes the schemas from the types and compares them with those
// that are embedded. With -update it writes them.
func TestSchemasAreCurrent(t *testing.T) {
	file := jsonschema.Reflector{FieldNameTag: "yaml", ExpandedStruct: true, Anonymous: true}
	result := jsonschema.Reflector{ExpandedStruct: true, Anonymous: true, AllowAdditionalProperties: true}
	for _, c := range []struct {
		file         string
		embedded     []byte
		schema       *jsonschema.Schema
		title, about string
	}{
		{"schema.json", JSONSchema(), file.Reflect(&File{}), "lapse suite", "A suite of consistency tests, lapse/v1."},
		{"schema-result.json", ResultSchema(), result.Reflect(&gate.SuiteResult{}), "lapse suite result",
			fmt.Sprintf("What a suite came to, schema %d. Readers ignore keys that they do not know.", gate.SuiteSchema)},
	} {
		c.schema.Title, c.schema.Description = c.title, c.about
		b, err := json.MarshalIndent(c.schema, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, '\n')
		switch {
		case *update:
			if err := os.WriteFile(c.file, b, 0o644); err != nil {
				t.Error(err)
			}
		case !bytes.Equal(b, c.embedded):
			t.Errorf("suite/%s is not what the types say: run go generate ./suite", c.file)
		}
	}
}

// JSONSchema makes the schema of the settings of a case.
func (Settings) JSONSchema() *jsonschema.Schema { return schemaOf(settings.InSettings) }

// JSONSchema makes the schema of a target.
func (Target) JSONSchema() *jsonschema.Schema {
	s := schemaOf(settings.InTarget)
	s.Required = []string{"kind"}
	s.Properties.Set(keyOptional, &jsonschema.Schema{Type: "boolean", Description: helpOptional})
	return s
}

// inPart are the settings that are keys of a part of the suite file.
func inPart(part string) []settings.Setting {
	return slices.DeleteFunc(settings.All(), func(s settings.Setting) bool { return s.In != part })
}

func schemaOf(part string) *jsonschema.Schema {
	out := &jsonschema.Schema{Type: "object", Properties: jsonschema.NewProperties(), AdditionalProperties: jsonschema.FalseSchema}
	for _, s := range inPart(part) {
		p := &jsonschema.Schema{Description: s.Help}
		switch s.Type() {
		case "number":
			p.Type = "number"
		case "truth value":
			p.Type = "boolean"
		case "list":
			p.Type, p.Items = "array", &jsonschema.Schema{Type: "string"}
		case "map":
			p.Type, p.AdditionalProperties = "object", &jsonschema.Schema{Type: "string"}
		default:
			p.Type = "string"
		}
		for _, v := range s.OneOf() {
			p.Enum = append(p.Enum, v)
		}
		out.Properties.Set(s.YAML, p)
	}
	return out
}
