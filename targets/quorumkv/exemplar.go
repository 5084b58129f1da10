package quorumkv

import "github.com/lapse-test/lapse/targets"

// Exemplar implements targets.Exemplar.
func (*Target) Exemplar() targets.System { return (*System)(nil) }
