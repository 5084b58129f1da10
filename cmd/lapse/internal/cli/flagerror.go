package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

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
