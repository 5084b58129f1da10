package external

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// statusError is a command that ended with another status than 0.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return e.text }

// says tells whether the status is an answer of the command, rather than a shell
// that found none (126, 127), an ssh that did not come through (255) or a signal.
func (e *statusError) says() bool {
	return e.code > 0 && e.code != 126 && e.code != 127 && e.code != 255
}

// order runs one of the operator's commands for n to its end. What it does in the
// background is its own affair.
func (c *external) order(ctx context.Context, n *node, name string, peers []string) error {
	line := c.operator.Nodes[n.name].Named(name)
	if line == "" {
		return &cluster.EnvironmentError{
			Doing: "asking for " + name + " on " + n.name, Err: errors.New("the operator gave no such command"),
			Way: fmt.Sprintf("add nodes.%s.%s to the file of --operator", n.name, name),
		}
	}
	ctx, cancel := context.WithTimeout(ctx, c.operator.Timeout)
	defer cancel()
	carry := c.carry
	if by := c.operator.Carrier; carry == nil && by != nil {
		carry = func(ctx context.Context, node, command string, peers []string) error {
			return by.Carry(ctx, node, n.addr, command, peers)
		}
	}
	if carry != nil {
		if err := carry(ctx, n.name, name, peers); err != nil {
			return fmt.Errorf("%s on %s: %w", name, n.name, err)
		}
		return nil
	}
	out, err := Output()
	if err != nil {
		return fmt.Errorf("%s on %s: %w", name, n.name, err)
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Command("/bin/sh", "-c", line)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = append(os.Environ(), c.environment(n, peers)...)
	// An interrupt from the terminal is for lapse, which then heals.
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s on %s: %w", name, n.name, err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = cmd.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		endGroup(cmd)
		<-done
		return fmt.Errorf("%s on %s: the operator's command did not end in time: %w%s", name, n.name, ctx.Err(), Said(out))
	}
	var status *exec.ExitError
	if errors.As(err, &status) {
		return &statusError{status.ExitCode(), fmt.Sprintf("%s on %s: the operator's command ended with %s%s", name, n.name, status, Said(out))}
	}
	if err != nil {
		return fmt.Errorf("%s on %s: %w", name, n.name, err)
	}
	return nil
}

// environment is what a command is told by variables.
func (c *external) environment(n *node, peers []string) []string {
	var addrs, hosts []string
	for _, p := range peers {
		addrs, hosts = append(addrs, c.at[p]), append(hosts, host(c.at[p]))
	}
	port := strings.TrimPrefix(strings.TrimPrefix(n.addr, host(n.addr)), ":")
	return []string{
		"LAPSE_NODE=" + n.name, "LAPSE_ADDRESS=" + n.addr, "LAPSE_HOST=" + host(n.addr), "LAPSE_PORT=" + port,
		"LAPSE_PEERS=" + strings.Join(peers, " "),
		"LAPSE_PEER_ADDRESSES=" + strings.Join(addrs, " "), "LAPSE_PEER_HOSTS=" + strings.Join(hosts, " "),
	}
}

// defaultTimeout bounds a command unless the file says otherwise.
const defaultTimeout = 30 * time.Second
