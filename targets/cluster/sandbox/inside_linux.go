package sandbox

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// The environment variables by which the processes know what they are.
const (
	// envInit carries the orders of init, as JSON.
	envInit = "LAPSE_SANDBOX_INIT"
	// envInside tells the harness where it is: see marker.
	envInside = "LAPSE_SANDBOX"
)

// marker says which sandbox a process is in. It names the PID namespace so that
// a variable which strayed into another environment convinces nobody.
type marker struct {
	pidNS   string
	files   int    // that the harness was given
	owner   string // the outer process, as owner.Owner has it
	private string
}

func (m marker) String() string {
	return fmt.Sprintf("%s;%d;%s;%s", m.pidNS, m.files, m.owner, m.private)
}

func readMarker() (marker, bool) {
	part := strings.SplitN(os.Getenv(envInside), ";", 4)
	if len(part) != 4 {
		return marker{}, false
	}
	m := marker{pidNS: part[0], owner: part[2], private: part[3]}
	var err error
	if m.files, err = strconv.Atoi(part[1]); err != nil {
		return marker{}, false
	}
	return m, m.pidNS == pidNamespace()
}

func pidNamespace() string {
	s, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return s
}

// OutsideEnviron is os.Environ without what makes a process believe that it is in
// this sandbox: for one that is to make a sandbox of its own.
func OutsideEnviron() []string { return without(os.Environ(), envInside, envInit) }

// Inside says whether this process is in a sandbox.
func Inside() bool {
	_, ok := readMarker()
	return ok
}

// Private is the directory, in memory and of this sandbox alone, below which the
// nodes' directories are; it is empty outside.
func Private() string {
	m, ok := readMarker()
	if !ok {
		return ""
	}
	return m.private
}

// File is the nth of Options.Files, from 0, in the sandbox; nil where there are not so many.
// It is not inherited by other processes, and asked for once.
func File(n int) *os.File {
	m, ok := readMarker()
	if !ok || n < 0 || n >= m.files {
		return nil
	}
	return os.NewFile(uintptr(notesFD+1+n), "given")
}
