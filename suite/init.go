package suite

import _ "embed"

// Example is a commented suite file with every part; `lapse init` writes it.
//
//go:embed init.yaml
var Example []byte
