package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/settings"
)

// TestGivenOnce: a second list in one text is refused, and a second value taken where each is one more or
// sets anew; what cannot be read is refused in words that are not Go's.
func TestGivenOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string // in the error; none if empty
	}{
		{[]string{"--faults", "a", "--faults", "b"}, `"--faults" flag: it was given before, as "a"; name all in one list, with commas`},
		{[]string{"--faults", "a", "--faults", "a"}, ""},
		{[]string{"--faults", "", "--faults", "b"}, `it was given before, as ""`},
		{[]string{"--set", "a=1", "--set", "b=2"}, ""},
		{[]string{"--only", "a", "--only", "b"}, ""},
		{[]string{"--json", "--json"}, ""},
		{[]string{"--json", "--json=false"}, ""},
		{[]string{"--target", "a", "--target", "b"}, ""},
		{[]string{"--json=x"}, `"--json" flag: must be true or false`},
		{[]string{"--n", "many"}, `"--n" flag: must be a whole number`},
		{[]string{"--n", "99999999999999999999"}, `"--n" flag: is out of range`},
		{[]string{"--seed", "-1"}, `"--seed" flag: must be a whole number from 0`},
		{[]string{"--rate", "x"}, `"--rate" flag: must be a number`},
		{[]string{"--wait", "soon"}, `"--wait" flag: must be a time`},
		{[]string{"--wait", "1s", "--wait", "2s"}, ""},
	} {
		root := &cobra.Command{Use: "root", SilenceErrors: true, SilenceUsage: true}
		root.PersistentFlags().Bool("json", false, "")
		sub := &cobra.Command{Use: "sub", RunE: func(*cobra.Command, []string) error { return nil }}
		f := sub.Flags()
		f.String("faults", "", "")
		faults := f.Lookup("faults")
		faults.Value = settings.ListOnce(faults.Value)
		f.String("target", "", "")
		f.StringArray("set", nil, "")
		f.StringSlice("only", nil, "")
		f.Int("n", 3, "")
		f.Uint64("seed", 0, "")
		f.Float64("rate", 1, "")
		f.Duration("wait", time.Second, "")
		root.AddCommand(sub)
		root.SetArgs(append([]string{"sub"}, c.args...))
		err := root.Execute()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%q: %v", c.args, err)
		case c.want != "" && (err == nil || !strings.Contains(FlagError(err), c.want) || strings.Contains(FlagError(err), "strconv")):
			t.Errorf("%q: %v, expected %q in it", c.args, err, c.want)
		}
	}
}
