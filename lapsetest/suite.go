package lapsetest

import (
	"fmt"
	"os"
	"time"

	"github.com/lapse-test/lapse/suite"
	"github.com/lapse-test/lapse/suites"
	"github.com/lapse-test/lapse/targets"
)

// Suite is what Run runs: a suite file, and what this test has of its own.
type Suite struct {
	// File is the path of a suite file, from the directory of the test, or the name
	// of a suite that lapse ships with. Text is a suite itself, instead.
	File string
	Text string
	// Targets are the databases that the suite may name: one's own, or those of
	// lapse. There are no others, so that a test builds no driver which it does not
	// use: targets/postgres has one, lapsetest/quorumkv the project's own store, and
	// targets/registry all.
	Targets []targets.Target
	// Seed replaces the file's if it is not 0.
	Seed uint64
	// Provider is where nodes run: auto (the default), sandbox or local.
	Provider string
	// Out is where runs are kept. By default it is a temporary directory, which
	// goes when the test has passed and stays, and is named, when it has failed.
	Out string
	// DataDir is where nodes keep their data, by default in memory.
	DataDir string
	// CheckTime is how long each check may take, by default a minute.
	CheckTime time.Duration
}

// text is the suite's text and what errors call it.
func (s *Suite) text() (name string, text []byte, err error) {
	switch {
	case s.File != "" && s.Text != "":
		return "", nil, fmt.Errorf("a Suite has File or Text, not both")
	case s.Text != "":
		return "suite", []byte(s.Text), nil
	case s.File == "":
		// A commented example is better than a refusal without a way out.
		return "", nil, fmt.Errorf("a Suite needs File or Text; to start from:\n%s", suite.Example)
	}
	if text, err = os.ReadFile(s.File); err == nil {
		return s.File, text, nil
	}
	if shipped, found := suites.ByName(s.File); found == nil {
		return s.File, shipped, nil
	}
	return "", nil, fmt.Errorf("reading the suite: %w", err)
}
