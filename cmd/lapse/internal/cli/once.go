package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lapse-test/lapse/settings"
)

// GiveOnce has the flags of c and of the commands below it that take a list as one text refuse
// another one: of two lists of faults the first would be lost in silence. Given again, flags of one value are
// set anew, as everywhere.
func GiveOnce(c *cobra.Command) {
	for _, flags := range []*pflag.FlagSet{c.Flags(), c.PersistentFlags()} {
		flags.VisitAll(func(f *pflag.Flag) {
			if f.DefValue == "0s" {
				f.DefValue = "0" // which pflag knows for nothing whatever the type, and does not show
			}
			if _, given := f.Value.(*onceValue); !given && f.Annotations[settings.CommaList] != nil {
				f.Value = &onceValue{Value: f.Value}
			}
		})
	}
	for _, sub := range c.Commands() {
		GiveOnce(sub)
	}
}

// MarkList says that the text of the named flag of f is a list.
func MarkList(f *pflag.FlagSet, name string) {
	f.Lookup(name).Annotations = map[string][]string{settings.CommaList: {name}}
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
		return fmt.Errorf("it was given before, as %q; name all in one list, with commas", v.text)
	}
	if err := v.Value.Set(text); err != nil {
		return err
	}
	v.text, v.given = text, true
	return nil
}

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
