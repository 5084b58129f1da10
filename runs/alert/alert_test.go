package alert

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/results/violations"
)

const secret = "hooks-secret-7b1f"

func TestParse(t *testing.T) {
	t.Setenv("LAPSE_TEST_HOOK", "https://h.example/"+secret)
	t.Setenv("LAPSE_TEST_PART", secret)
	for text, want := range map[string]string{
		"":                                   "",
		"notify.sh":                          "the command",
		"curl -d @- https://h.example/x":     "the command",
		"cat >> found.json; true":            "the command",
		"https://h.example/a/" + secret:      "https://h.example",
		"http://127.0.0.1:8080/?t=" + secret: "http://127.0.0.1:8080",
		"https://h.example/?t=" + secret + "&u=1;2": "https://h.example",
		"https://h.example/" + secret + " | cat":    "!cannot be read",
		"https://u:" + secret + "@h.example":        "https://h.example",
		"$LAPSE_TEST_HOOK":                          "https://h.example",
		"${LAPSE_TEST_HOOK}":                        "https://h.example",
		"https://h.example/${LAPSE_TEST_PART}/y":    "https://h.example",
		"https://h.example/${LAPSE_TEST_UNSET}/y":   "!LAPSE_TEST_UNSET",
		"$LAPSE_TEST_UNSET":                         "!LAPSE_TEST_UNSET",
		"ftp://h.example/" + secret:                 "!must begin with http",
		"https:///" + secret:                        "!must begin with http",
		"https://h.example/%zz" + secret:            "!cannot be read",
	} {
		h, err := Parse(text)
		if got, is := strings.CutPrefix(want, "!"); is {
			if err == nil || !strings.Contains(err.Error(), got) || strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v, expected %s and no secret", text, err, got)
			}
			continue
		}
		switch {
		case err != nil:
			t.Errorf("%s: %v", text, err)
		case (h == nil) != (want == ""):
			t.Errorf("%s: %v", text, h)
		case h != nil && h.String() != want:
			t.Errorf("%s is %q, expected %q", text, h, want)
		}
	}
}

// TestCommand: a command gets the document and the variables; what it says when it fails is
// told without the secrets of the environment; and one that does not end is ended, with what
// it started.
func TestCommand(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("LAPSE_TEST_TOKEN", secret)
	m := Message{Dir: dir, Body: []byte(`{"a":1}` + "\n"), Env: []string{"LAPSE_MODEL=regular"}}
	m.To = `cat > got; echo "$LAPSE_MODEL" >> got`
	if err := Direct(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "got")); err != nil || string(b) != "{\"a\":1}\nregular\n" {
		t.Errorf("got %q, %v", b, err)
	}
	m.To = `echo first; echo "no luck with $LAPSE_TEST_TOKEN" >&2; exit 3`
	if err := Direct(t.Context(), m); err == nil || !strings.Contains(err.Error(), "exit status 3; it says: no luck with ***") {
		t.Errorf("a command that fails: %v", err)
	}
	m.Body = []byte(strings.Repeat("x", 1<<20)) // more than a pipe holds, and nobody reads it
	m.To = `sleep 1000 & echo $! > child; sleep 1000`
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for ctx.Err() == nil {
			if b, _ := os.ReadFile(filepath.Join(dir, "child")); strings.HasSuffix(string(b), "\n") {
				cancel()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if err := Direct(ctx, m); err == nil || !strings.Contains(err.Error(), "did not end in time") {
		t.Errorf("a command that does not end: %v", err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "child"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); err == nil {
		t.Errorf("process %d, which the command started, goes on", pid)
	}
}

// TestPost: the document is sent once, and what fails is told without the URL.
func TestPost(t *testing.T) {
	var mu sync.Mutex
	var got []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		got = append(got, r.Method+" "+r.URL.Path+" "+r.Header.Get("Content-Type")+" "+string(b))
		mu.Unlock()
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/"+secret, http.StatusTemporaryRedirect)
		case "/broken":
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer s.Close()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for path, want := range map[string]string{
		s.URL + "/" + secret: "", s.URL + "/moved?t=" + secret: "answers 307", s.URL + "/broken?t=" + secret: "answers 500", closed.URL + "/" + secret: "asking http://127.0.0.1",
	} {
		err := Direct(t.Context(), Message{To: path, Body: []byte("{}")})
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", path, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret)):
			t.Errorf("%s: %v, expected %q and no secret", path, err, want)
		}
	}
	slices.Sort(got)
	if want := []string{"POST /broken application/json {}", "POST /" + secret + " application/json {}", "POST /moved application/json {}"}; !slices.Equal(got, want) {
		t.Errorf("was asked %q", got)
	}
}

// tell has w tell a violation of a model.
func tell(w *Teller, model string) { w.Tell(model, func() Alarm { return alarm(model) }) }

func alarm(model string) Alarm {
	return Alarm{Run: "r", Found: MeanwhileFound, Violation: violations.Witness{Violation: checkers.Violation{Model: model, Anomaly: "stale read"}}}
}

// TestTeller: each model is told once, in the order of the findings, and nobody waits
// before Close; what fails is noted and kept.
func TestTeller(t *testing.T) {
	go_, told := make(chan struct{}), []string(nil)
	var notes []string
	deliver := func(_ context.Context, m Message) error {
		<-go_
		var f Alarm
		if err := json.Unmarshal(m.Body, &f); err != nil || f.Schema != Schema {
			t.Errorf("%s: %v", m.Body, err)
		}
		told = append(told, f.Violation.Model)
		if f.Violation.Model == "b" {
			return fmt.Errorf("not\nb")
		}
		return nil
	}
	w, err := Start(t.Context(), "x", "", deliver, func(s string) { notes = append(notes, s) })
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []string{"a", "b", "a", "b", "c"} {
		tell(w, m)
	}
	close(go_)
	r := w.Close()
	tell(w, "d")
	if again := w.Close(); again.Told != 2 {
		t.Errorf("closed again: %+v", again)
	}
	if !slices.Equal(told, []string{"a", "b", "c"}) || r.Told != 2 || !slices.Equal(r.Failed, []string{"b: not; b"}) || len(notes) != 1 || r.To != "the command" {
		t.Errorf("told %q, %+v, noted %q", told, r, notes)
	}
	var nobody *Teller
	tell(nobody, "a")
	if nobody.Close() != nil {
		t.Error("nobody was told something")
	}
}

// TestLate: whoever does not answer is given up, and what still waits fails.
func TestLate(t *testing.T) {
	deliver := func(ctx context.Context, _ Message) error { <-ctx.Done(); return ctx.Err() }
	w, err := Start(t.Context(), "x", "", deliver, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	tell(w, "a")
	tell(w, "b")
	w.cancel() // as Close does when the time is up
	if r := w.Close(); r.Told != 0 || len(r.Failed) != 2 {
		t.Errorf("%+v", r)
	}
}

// TestOutside: what is told through a socket is told by the other side, and its failures
// come back; when nobody is there any more, that is an error too.
func TestOutside(t *testing.T) {
	here, file, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		Serve(t.Context(), here, func(_ context.Context, m Message) error {
			if string(m.Body) == "bad" {
				return fmt.Errorf("%s %s", m.To, m.Env)
			}
			return nil
		})
		_ = here.Close()
	}()
	through := Through(conn)
	if err := through(t.Context(), Message{To: "x", Body: []byte("good")}); err != nil {
		t.Error(err)
	}
	if err := through(t.Context(), Message{To: "x", Body: []byte("bad"), Env: []string{"A=b"}}); err == nil || err.Error() != "x [A=b]" {
		t.Error(err)
	}
	_ = here.Close()
	<-done
	if err := through(t.Context(), Message{Body: []byte("good")}); err == nil {
		t.Error("nobody is there, and that is no error")
	}
	_ = conn.Close()
}
