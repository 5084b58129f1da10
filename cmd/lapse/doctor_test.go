package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/quorumkv"
)

// elsewhere is a target whose software is there or not.
type elsewhere struct {
	targets.Target
	err error
}

func (elsewhere) Fetch(context.Context, targets.Config) error { return nil }
func (e elsewhere) Present(context.Context, targets.Config) (string, error) {
	return "it 1.0 at /somewhere", e.err
}

// TestDoctorOfSoftware: what the first run fetches is not missing, and what nothing can
// fetch is.
func TestDoctorOfSoftware(t *testing.T) {
	a := &app{cli.New(io.Discard, io.Discard, databases(), nodeProviders())}
	for _, c := range []struct {
		err            error
		ready, fetched bool
		says           string
	}{
		{nil, true, false, "it 1.0 at /somewhere"},
		{&cluster.EnvironmentError{Doing: "looking for it", Err: fmt.Errorf("it 1.0: %w /none", cluster.ErrNotFetched)}, false, true, "'lapse fetch quorumkv'"},
		{&cluster.EnvironmentError{Doing: "looking for it", Err: errors.New("there is no java on the PATH"), Way: "install it"}, false, false, "install it"},
	} {
		f := a.examineTarget(t.Context(), elsewhere{&quorumkv.Target{}, c.err})
		if f.Ready != c.ready || f.Fetched != c.fetched || !strings.Contains(f.Text, c.says) {
			t.Errorf("%v: %+v", c.err, f)
		}
	}
}
