// Command lapse finds the moments when a database forgets: it drives a real
// database, breaks its network, processes and clocks, records what every client
// saw, and says which promises were broken, with the operations that prove it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(mainExit())
}

func mainExit() int {
	// The first interrupt ends the run in good order (faults healed, history
	// kept, what there is checked); the second one ends the process.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
}
