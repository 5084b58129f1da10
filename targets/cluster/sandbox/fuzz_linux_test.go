package sandbox

import (
	"errors"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets/cluster"
)

// FuzzReported reads what the first process of a sandbox may report: whatever is no report is an
// error of the environment, and so is a report of one.
func FuzzReported(f *testing.F) {
	for _, s := range []string{`{"Doing":"","Err":"","Way":""}`, `{"Doing":"mounting /proc","Err":"operation not permitted","Way":"use another"}`, "", "null", "{", `{"Doing":1}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, told []byte) {
		err := reported(told, "exit status 1")
		var env *cluster.EnvironmentError
		if err != nil && (!errors.As(err, &env) || env.Doing == "" || err.Error() == "") {
			t.Errorf("%q: %v", told, err)
		}
	})
}

// FuzzNoted reads the notes of what is to be removed: nothing is but what was noted by a whole
// path, and was not taken back afterwards.
func FuzzNoted(f *testing.F) {
	f.Add("+/tmp/a\x00+/tmp/b\x00-/tmp/a\x00")
	f.Add("+tmp\x00-\x00+/")
	f.Fuzz(func(t *testing.T, text string) {
		for dir := range noted(text) {
			added, taken := strings.LastIndex("\x00"+text+"\x00", "\x00+"+dir+"\x00"), strings.LastIndex("\x00"+text+"\x00", "\x00-"+dir+"\x00")
			if !strings.HasPrefix(dir, "/") || strings.Contains(dir, "\x00") || added < 0 || taken > added {
				t.Errorf("%q: %q would be removed", text, dir)
			}
		}
	})
}
