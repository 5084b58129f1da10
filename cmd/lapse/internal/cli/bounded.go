package cli

import (
	"errors"
	"strconv"
	"time"
)

// spanValue is a time above 0 as a flag.
type spanValue time.Duration

// Set implements pflag.Value.
func (v *spanValue) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return errors.New("must be a time above 0, such as 500ms, 20s or 5m")
	}
	*v = spanValue(d)
	return nil
}

// String implements pflag.Value.
func (v *spanValue) String() string { return time.Duration(*v).String() }

// Type implements pflag.Value.
func (v *spanValue) Type() string { return "duration" }

// countValue is a number from 1 as a flag.
type countValue int

// Set implements pflag.Value.
func (v *countValue) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return errors.New("must be a whole number from 1")
	}
	*v = countValue(n)
	return nil
}

// String implements pflag.Value.
func (v *countValue) String() string { return strconv.Itoa(int(*v)) }

// Type implements pflag.Value.
func (v *countValue) Type() string { return "int" }
