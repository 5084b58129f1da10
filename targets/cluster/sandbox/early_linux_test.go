package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
)

// notStarted is the exit code of a command that an interrupt kept from its sandbox.
const notStarted = 97

// early is a command that gets its first interrupt before it is in its sandbox, at the
// moment that when says.
func early(when string) int {
	if sandbox.Inside() {
		time.Sleep(time.Hour) // only an interrupt that arrives ends it; without a timer the runtime sees a deadlock
		return 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	interrupt := func() { _ = syscall.Kill(os.Getpid(), syscall.SIGINT) }
	switch when {
	case "before":
		interrupt()
		<-ctx.Done()
	case "as the try begins", "as it enters":
		go func() {
			for !hasChild() {
			}
			interrupt()
		}()
	}
	var err error
	code := 0
	if when == "as the try begins" {
		err = sandbox.Provider{}.Available(ctx, cluster.Spec{Nodes: cluster.NodeNames(1)})
		<-ctx.Done()
	}
	if err == nil {
		_, code, err = sandbox.Enter(ctx, sandbox.Options{})
	}
	if err != nil {
		if errors.As(err, new(*cluster.EnvironmentError)) {
			fmt.Println("taken for the machine's:", err)
			return 1
		}
		return notStarted
	}
	return code
}

// hasChild tells whether this process has started another one that is there.
func hasChild() bool {
	tasks, _ := os.ReadDir("/proc/self/task")
	for _, t := range tasks {
		if b, _ := os.ReadFile("/proc/self/task/" + t.Name() + "/children"); len(b) > 0 {
			return true
		}
	}
	return false
}

// earlyInterrupts: an interrupt is never lost, whenever it comes; one that is would leave
// the command without an end.
func earlyInterrupts(t *testing.T) {
	for when, want := range map[string]int{
		"before":            notStarted,
		"as the try begins": notStarted,
		"as it enters":      128 + int(syscall.SIGINT),
	} {
		out, err := outside(t, "early "+when).CombinedOutput()
		if got := exitCode(err); got != want {
			t.Errorf("%s: exit code %d, want %d: %s", when, got, want, strings.TrimSpace(string(out)))
		}
	}
}
