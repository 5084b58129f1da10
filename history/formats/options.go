package formats

import (
	"fmt"
	"slices"
	"strings"
)

// Options say what a file itself does not.
type Options struct {
	// Format names the format; "" means that it is recognised.
	Format string
	// Type says what the operations of a Jepsen history are on, one of Types; ""
	// means that it follows from the operations.
	Type string
	// Nemesis are the processes that inject faults, besides "nemesis".
	Nemesis []string
}

// What the operations of a history are on, as --type takes it.
const (
	TypeRegister = "register"
	TypeSet      = "set"
	TypeCounter  = "counter"
	TypeList     = "list"
	TypeBank     = "bank"
)

// Types are the types that a history can be read as.
func Types() []string { return []string{TypeRegister, TypeSet, TypeCounter, TypeList, TypeBank} }

// Header attributes that say what a history was taken for and why.
const (
	AttributeType    = "type"
	AttributeTypeWhy = "type-why"
)

// check refuses options that name nothing.
func (o *Options) check() error {
	if o.Type != "" && !slices.Contains(Types(), o.Type) {
		return fmt.Errorf("there is no type of history %q; there are: %s", o.Type, strings.Join(Types(), ", "))
	}
	return nil
}
