package suite

import (
	_ "embed"
	"slices"
)

// The schemas are made from the types that read and write these files, by a test, so
// that what reflects on them is no part of the program.
//
//go:generate go test -count=1 -run ^(TestSchemasAreCurrent|TestSuiteFilePage)$ . -update
var (
	//go:embed schema.json
	suiteSchema []byte
	//go:embed schema-result.json
	resultSchema []byte
)

// JSONSchema is the JSON schema of the suite file, a new slice each time.
func JSONSchema() []byte { return slices.Clone(suiteSchema) }

// ResultSchema is the JSON schema of a suite's result (suite.json, --output json=FILE),
// a new slice each time.
func ResultSchema() []byte { return slices.Clone(resultSchema) }
