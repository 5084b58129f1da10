package inpod

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"
)

// TestServe: an order that is none is answered, and what is no order ends it.
func TestServe(t *testing.T) {
	var out bytes.Buffer
	if err := Serve(t.Context(), "lapse-test", strings.NewReader(`{"command":"dance"}`+"\n"), &out); err != nil {
		t.Error(err)
	}
	if want := `{"error":"there is no order \"dance\""}` + "\n"; out.String() != want {
		t.Errorf("it answers %q, want %q", out.String(), want)
	}
	if err := Serve(t.Context(), "lapse-test", strings.NewReader("dance\n"), &out); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("what is no order: %v", err)
	}
}

// TestDatabase: it is found by its port, and what is no other container is left alone.
func TestDatabase(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	for _, kill := range []bool{false, true} {
		if _, err := stop(port, kill); !errors.Is(err, errOwn) {
			t.Errorf("a listener of this process: %v", err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := stop(port, true); !errors.Is(err, errNoListener) {
		t.Errorf("nobody listens: %v", err)
	}
}
