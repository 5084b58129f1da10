package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// GiveOnce has the flags of c and of the commands below it that take one value refuse
// another one: of two lists of faults the first would be lost in silence.
func GiveOnce(c *cobra.Command) {
	for _, flags := range []*pflag.FlagSet{c.Flags(), c.PersistentFlags()} {
		flags.VisitAll(func(f *pflag.Flag) {
			if f.DefValue == "0s" {
				f.DefValue = "0" // which pflag knows for nothing whatever the type, and does not show
			}
			switch {
			case given(f) || repeatable(f.Value):
			case f.Value.Type() == "bool":
				f.Value = &onceBool{onceValue{Value: f.Value}}
			default:
				f.Value = &onceValue{Value: f.Value}
			}
		})
	}
	for _, sub := range c.Commands() {
		GiveOnce(sub)
	}
}

// given tells whether f has been seen to: the flags of a command are those of its parents too.
func given(f *pflag.Flag) bool {
	switch f.Value.(type) {
	case *onceValue, *onceBool:
		return true
	}
	return false
}

// repeatable tells whether each value of a flag is one more.
func repeatable(v pflag.Value) bool {
	_, slice := v.(pflag.SliceValue)
	return slice || v.Type() == "stringArray" || v.Type() == "stringToString"
}

// onceValue is the value of a flag that is given once.
type onceValue struct {
	pflag.Value
	text  string
	given bool
}

// Set implements pflag.Value.
func (v *onceValue) Set(text string) error {
	if v.given && text != v.text {
		return fmt.Errorf("it was given before, as %q, and takes one value", v.text)
	}
	if err := v.Value.Set(text); err != nil {
		return err
	}
	v.text, v.given = text, true
	return nil
}

// onceBool is a onceValue that pflag knows for one that needs no argument.
type onceBool struct{ onceValue }

// IsBoolFlag tells pflag that the value may be left out.
func (*onceBool) IsBoolFlag() bool { return true }

// FlagError is err, an error of pflag's, in words: what strconv and time say of a value
// that they cannot read are words of Go's.
func FlagError(err error) string {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err.Error()
	}
	f := invalid.GetFlag()
	cause := invalid.Unwrap()
	if cause == nil || f == nil {
		return err.Error()
	}
	var says string
	var number *strconv.NumError
	switch {
	case errors.As(cause, &number) && errors.Is(number.Err, strconv.ErrRange):
		says = "is out of range"
	case errors.As(cause, &number):
		says = "must be " + kind(f.Value.Type())
	case strings.HasPrefix(cause.Error(), "time: "):
		says = "must be a time, such as 500ms, 20s or 5m"
	default:
		return err.Error()
	}
	return fmt.Sprintf("invalid argument %q for \"--%s\" flag: %s", invalid.GetValue(), f.Name, says)
}

// kind says what values of one of pflag's types are.
func kind(typ string) string {
	switch {
	case typ == "bool":
		return "true or false"
	case strings.HasPrefix(typ, "uint"):
		return "a whole number from 0"
	case strings.HasPrefix(typ, "int"):
		return "a whole number"
	}
	return "a number"
}
