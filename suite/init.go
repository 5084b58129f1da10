package suite

import (
	_ "embed"
	"strconv"
	"strings"
)

// Example is a commented suite file with every part; `lapse init` writes it.
//
//go:embed init.yaml
var Example []byte

//go:embed own.yaml
var own string

// ExampleAt is a suite file to start from for a PostgreSQL that is there already.
func ExampleAt(at []string) []byte {
	quoted := make([]string, len(at))
	for i, a := range at {
		quoted[i] = strconv.Quote(a)
	}
	return []byte(strings.Replace(own, "[AT]", "["+strings.Join(quoted, ", ")+"]", 1))
}
