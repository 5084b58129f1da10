package cli

import (
	"fmt"
	"net"

	"github.com/lapse-test/lapse/runs/alert"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
)

// The files that a process in the sandbox is given by the one that entered it.
const (
	// FileAlerts is a socket to the process that tells others of violations: from inside
	// nobody can be reached.
	FileAlerts = iota
)

// delivery tells others of violations, from outside of the sandbox.
func (a *App) delivery() (alert.Deliver, error) {
	if a.deliver != nil {
		return a.deliver, nil
	}
	file := sandbox.File(FileAlerts)
	if file == nil {
		return alert.Direct, nil
	}
	conn, err := net.FileConn(file)
	_ = file.Close() // conn has its own
	if err != nil {
		return nil, fmt.Errorf("reaching outside of the sandbox: %w", err)
	}
	a.deliver = alert.Through(conn)
	return a.deliver, nil
}
