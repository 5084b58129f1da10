package settings

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// AddFlags adds a flag for each of the named settings, or for all, and fills r with
// the defaults. The flags of a command are parsed into r.
func AddFlags(f *pflag.FlagSet, r *Run, flags ...string) {
	*r = Defaults()
	for _, s := range all {
		if len(flags) == 0 || contains(flags, s.Flag) {
			var v pflag.Value = &flagValue{setting: s, run: r}
			if s.kind == "names" || s.kind == "shares" {
				v = ListOnce(v)
			}
			f.Var(v, s.Flag, s.Help)
			fl := f.Lookup(s.Flag)
			fl.DefValue = defaultText(s, r)
			if s.truth() {
				fl.NoOptDefVal = "true"
			}
		}
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// defaultText returns the default that help shows; empty is not shown.
func defaultText(s Setting, r *Run) string {
	if s.IsZero(r) {
		return ""
	}
	return strings.Join(s.Texts(r), ",")
}

// flagValue is a setting as a flag.
type flagValue struct {
	setting Setting
	run     *Run
	given   []string
}

// Set implements pflag.Value.
func (v *flagValue) Set(text string) error {
	switch v.Type() {
	case "stringArray":
		v.given = append(v.given, text)
		return v.setting.Set(v.run, v.given...)
	default:
		return v.setting.Set(v.run, text)
	}
}

// String implements pflag.Value.
func (v *flagValue) String() string {
	if v.run == nil || v.setting.IsZero(v.run) {
		return ""
	}
	return strings.Join(v.setting.Texts(v.run), ",")
}

// Type implements pflag.Value.
func (v *flagValue) Type() string {
	switch v.setting.Type() {
	case "list", "map":
		return "stringArray"
	case "number":
		return "number"
	case "duration":
		return "duration"
	case truth:
		return "bool"
	}
	return "string"
}

// ListOnce is v, the value of a flag whose one text is a list, but refuses another text: of two lists of
// faults the first would be lost in silence. It is for one goroutine at a time.
func ListOnce(v pflag.Value) pflag.Value { return &listOnce{Value: v} }

type listOnce struct {
	pflag.Value
	text  string
	given bool
}

// Set implements pflag.Value.
func (v *listOnce) Set(text string) error {
	if v.given && text != v.text {
		return fmt.Errorf("it was given before, as %q; name all in one list, with commas", v.text)
	}
	if err := v.Value.Set(text); err != nil {
		return err
	}
	v.text, v.given = text, true
	return nil
}
