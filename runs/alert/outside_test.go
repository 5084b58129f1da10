package alert

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"testing"
)

// FuzzThrough: whatever comes back over the socket, what is told has been delivered only where that was answered.
func FuzzThrough(f *testing.F) {
	for _, s := range []string{"{}\n", `{"error":"no"}`, `{"error":1}`, "null", "", "{", "[]", `{}{"error":"of the next"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, back []byte) {
		here, there := net.Pipe()
		go func() {
			_ = json.NewDecoder(there).Decode(&Message{})
			_, _ = there.Write(back)
			_ = there.Close()
		}()
		err := Through(here)(t.Context(), Message{To: "x"})
		_ = here.Close()
		var a answer
		var said map[string]any
		good := json.Valid(back) && json.Unmarshal(back, &a) == nil && a.Error == ""
		if good && err != nil || err == nil && len(back) == 0 || err == nil && json.Unmarshal(back, &said) == nil && said["error"] != nil && a.Error != "" {
			t.Errorf("%q: %v", back, err)
		}
	})
}

// FuzzServe: whatever is asked over the socket, each message that can be read is delivered and answered once, up to the first that cannot.
func FuzzServe(f *testing.F) {
	for _, s := range []string{`{"to":"a"}`, `{"to":"a"}{"to":"b","body":"eA=="}`, `{"to":1}`, "{", "", "null null", `{"body":"?"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, asked []byte) {
		here, there := net.Pipe()
		delivered := 0
		served := make(chan struct{})
		go func() {
			Serve(t.Context(), there, func(context.Context, Message) error { delivered++; return nil })
			_ = there.Close()
			close(served)
		}()
		answers := make(chan int)
		go func() {
			n := 0
			for d := json.NewDecoder(here); d.Decode(&answer{}) == nil; {
				n++
			}
			answers <- n
		}()
		_, err := here.Write(asked)
		_ = here.Close()
		<-served
		if n := <-answers; n > delivered || delivered > n+1 || err != nil && !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%q: %d delivered, %d answered, %v", asked, delivered, n, err)
		}
	})
}
