package cli

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/runs/alert"
	"github.com/lapse-test/lapse/runs/monitor/metrics"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
)

// The files that a process in the sandbox is given by the one that entered it.
const (
	// FileAlerts is a socket to the process that tells others of violations: from inside
	// nobody can be reached.
	FileAlerts = iota
	// FileMetrics is the port of --metrics, where that is given.
	FileMetrics
)

// listen opens the port of --metrics, once; in the sandbox it was opened outside.
func (a *App) listen() error {
	if a.Metrics == "" || a.listener != nil {
		return nil
	}
	a.metrics = metrics.New()
	if file := sandbox.File(FileMetrics); file != nil {
		ln, err := net.FileListener(file)
		_ = file.Close() // ln has its own
		if err != nil {
			return fmt.Errorf("reaching outside of the sandbox: %w", err)
		}
		a.listener = ln
		return nil
	}
	address := a.Metrics
	if !strings.Contains(address, ":") {
		address = ":" + address
	}
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return targets.Usagef("--metrics %s: must be a port (0 to 65535; 0 is any free one), or an address of this machine with a port such as 0.0.0.0:9464", a.Metrics)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if a.listener, err = net.Listen("tcp", net.JoinHostPort(host, port)); err != nil {
		return targets.Usagef("--metrics %s: cannot listen there: %v; give a port of this machine, 0 for any free one", a.Metrics, err)
	}
	return nil
}

// MetricsFile is the port of --metrics for a process that is to serve it, nil if there is
// none.
func (a *App) MetricsFile() (*os.File, error) {
	ln, ok := a.listener.(*net.TCPListener)
	if !ok {
		return nil, nil //nolint:nilnil // no port is open
	}
	f, err := ln.File()
	if err != nil {
		return nil, fmt.Errorf("passing the port of --metrics on: %w", err)
	}
	return f, nil
}

// ServeMetrics answers at the port of --metrics, if there is one, until ctx is done.
func (a *App) ServeMetrics(ctx context.Context) {
	if a.listener == nil || a.serving {
		return
	}
	a.serving = true
	fmt.Fprintf(a.Stderr, "metrics: http://%s/metrics\n", a.listener.Addr())
	go func() {
		if err := a.metrics.Serve(ctx, a.listener); err != nil {
			fmt.Fprintln(a.Stderr, "lapse: serving metrics:", err)
		}
	}()
}

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
