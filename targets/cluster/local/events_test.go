package local

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
)

// FuzzEvents reads what a supervisor may say: a process that has started has a positive number,
// and every one has an end.
func FuzzEvents(f *testing.F) {
	for _, s := range []string{
		`{"Pid":17}{"Exited":true,"Status":9}`, `{"Err":"no such file"}`, `{"Pid":17}{"Ready":true}`, `{"Pid":-1}`, `{"Pid":0}`, `{"Pid":1}{`, "", `null`,
		`{"Pid":5}{"Exited":true}{"Exited":true,"Status":256}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		events := json.NewDecoder(strings.NewReader(s))
		pid, err := startedBy(events)
		if (err == nil) != (pid > 0) || err != nil && pid != 0 {
			t.Fatalf("%q: process %d, %v", s, pid, err)
		}
		end := supervised{wait: endOf(events)}
		_ = end.status() // any status may be told
	})
}

// TestEnds: what is said of the end, and the end of who would say it.
func TestEnds(t *testing.T) {
	for text, want := range map[string]syscall.WaitStatus{
		`{"Exited":true,"Status":256}`:               256,
		`{"Exited":true}`:                            0,
		`{"Ready":true} {"Exited":true,"Status":15}`: 15,
		`{"Ready":true}`:                             syscall.WaitStatus(syscall.SIGKILL),
		`{`:                                          syscall.WaitStatus(syscall.SIGKILL),
	} {
		if got := endOf(json.NewDecoder(strings.NewReader(text))); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}
