package main

import (
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
)

// pairOfRuns stores the same violated run twice below a directory: as "large" with events that make its history one that stays
// on disk (store.LargeHistory), and as "small" without.
func pairOfRuns(t *testing.T) (out string) {
	t.Helper()
	h, err := history.ReadFile(staleReads(t))
	if err != nil {
		t.Fatal(err)
	}
	lin, err := registry.ByName("linearizable")
	if err != nil {
		t.Fatal(err)
	}
	as := verdict.Assess(t.Context(), h, []checkers.Checker{lin}, checkers.Budget{MaxViolations: 3}, verdict.Require{})
	if as.Status != checkers.Violated {
		t.Fatalf("the run is %s", as.Status)
	}
	out = t.TempDir()
	for _, id := range []string{"small", "large"} {
		dir, err := store.Create(out, id)
		if err != nil {
			t.Fatal(err)
		}
		if id == "large" {
			h.Events = append(h.Events, noise(h.Ops[len(h.Ops)-1].Complete)...)
		}
		exit := as.Exit()
		if err := errors.Join(
			dir.WriteJSON(store.FileRun, &store.Summary{Schema: store.SummarySchema, Run: "a-run", State: store.StateFinished, Exit: &exit, Assessment: as}),
			history.WriteFile(dir.File(store.FileHistory), h),
		); err != nil {
			t.Fatal(err)
		}
		st, err := os.Stat(dir.File(store.FileHistory))
		if err != nil || (st.Size() >= store.LargeHistory) != (id == "large") {
			t.Fatalf("%s: %v, %d bytes", id, err, st.Size())
		}
	}
	return out
}

// noise are events at a time that are larger than store.LargeHistory however they are packed.
func noise(at history.Time) (events []history.Event) {
	random := rand.NewChaCha8([32]byte{1})
	b := make([]byte, 1<<20)
	for n := 0; n <= store.LargeHistory; n += len(b) {
		_, _ = random.Read(b) // never an error
		events = append(events, history.Event{At: at, Kind: "noise", Text: base64.StdEncoding.EncodeToString(b)})
	}
	return events
}

// TestLargeRuns: what is shown of a run is the same whether its operations stay on disk or not, also where the run's directory takes
// nothing: a run is looked at where it cannot be written to, or where its disk is full.
func TestLargeRuns(t *testing.T) {
	out := pairOfRuns(t)
	for _, place := range []struct {
		name, mount, args string
	}{
		{"on a disk with room", "true", "show RUN --ops --key k3"},
		{"on a disk that cannot be written to", `mount --bind "$PWD" "$PWD" && mount -o remount,bind,ro "$PWD" && cd "$PWD" && ! touch large/x`, "show RUN -v 1"},
		{"on a full disk", `mount -t tmpfs -o size=100m none small && cp -r large small && cd small && ! head -c 50m /dev/zero >large/fill`, "diff RUN RUN"},
	} {
		t.Run(place.name, func(t *testing.T) {
			want := onMount(t, out, "true", strings.ReplaceAll(place.args, "RUN", "./small"))
			got := onMount(t, out, place.mount, strings.ReplaceAll(place.args, "RUN", "./large"))
			if got = strings.ReplaceAll(got, "large", "small"); got != want || got == "" {
				t.Errorf("%s: of the large run\n%.2000s\nof the small one\n%.2000s", place.args, got, want)
			}
		})
	}
}

// onMount is what a command says in a directory once the shell command mount has mounted something.
func onMount(t *testing.T, dir, mount, args string) string {
	t.Helper()
	program, err := exec.LookPath("lapse")
	if err != nil {
		t.Fatal(err)
	}
	flags := "-m"
	if os.Geteuid() != 0 {
		flags = "-Urm" // an ordinary user may mount in a user namespace
	}
	const script = `eval "$1" 2>/dev/null || exit 99
shift
exec "$@"`
	cmd := exec.CommandContext(t.Context(), "unshare", append([]string{flags, "sh", "-c", script, "sh", mount, program}, strings.Fields(args)...)...)
	cmd.Dir = dir
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s after %s: %v: %.500s", args, mount, err, said)
	}
	return string(said)
}
