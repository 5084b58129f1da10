package exec

import (
	_ "embed"
	"slices"
)

// The schema is made from the types that read and write the lines, by a test, so that
// what reflects on them is no part of the program.
//
//go:generate go test -count=1 -run ^TestSchemaIsCurrent$ . -update
//go:embed schema.json
var schema []byte

// Schema is the JSON schema of the lines that a program reads and writes, a new slice
// each time.
func Schema() []byte { return slices.Clone(schema) }
