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

//go:embed own-standbys.yaml
var ownStandbys string

// afterCases begins the line of own.yaml that follows the cases.
const afterCases = "# What lapse can break"

// ExampleAt is a suite file to start from for a PostgreSQL that is there already.
// Where the addresses are of several nodes it has a case for what standbys offer.
func ExampleAt(at []string) []byte {
	own := own
	if strings.Contains(strings.Join(at, ","), ",") {
		own = strings.Replace(own, afterCases, ownStandbys+afterCases, 1)
	}
	quoted := make([]string, len(at))
	for i, a := range at {
		quoted[i] = strconv.Quote(a)
	}
	return []byte(strings.Replace(own, "[AT]", "["+strings.Join(quoted, ", ")+"]", 1))
}
