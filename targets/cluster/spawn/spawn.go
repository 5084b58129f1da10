// Package spawn turns a cluster.Command into a process, also one that must not
// be root.
package spawn

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/lapse-test/lapse/targets/cluster"
)

// UserID is the user and group id of processes that must not be root, where
// there is a choice. It is "nobody", because some programs, initdb among them, ask
// for the name of the user that they run as.
const UserID = 65534

// Cmd is c for a node with this home directory, in a session of its own, with
// the defaults that cluster.Command promises. Its output is left to the caller.
func Cmd(ctx context.Context, c cluster.Command, home string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Dir, cmd.Env = c.Dir, c.Environ(home)
	if cmd.Dir == "" {
		cmd.Dir = home
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// OpenLog opens the log of a command for appending, in a node's log directory.
func OpenLog(dir string, c cluster.Command) (*os.File, error) {
	name := c.Log
	if name == "" {
		name = "stdout.log"
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening a log: %w", err)
	}
	return f, nil
}

// Start starts what build makes and returns it. If notRoot is set and this
// process is root, it gets another user id: in a further user namespace, where it
// is the same user in truth, so that no file has to change hands; or, without
// those, really, and then everything below home becomes that user's. Build may be
// called twice, because an exec.Cmd can be started only once.
func Start(notRoot bool, home string, build func() *exec.Cmd, start func(*exec.Cmd) error) (*exec.Cmd, error) {
	if !notRoot || os.Geteuid() != 0 {
		cmd := build()
		return cmd, start(cmd)
	}
	cmd, err := inUserNamespace(build, start)
	if err == nil || !refused(err) {
		return cmd, err
	}
	if chownErr := giveAway(home); chownErr != nil {
		return nil, fmt.Errorf("%w; and as another user: %w", err, chownErr)
	}
	cmd = build()
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: UserID, Gid: UserID}
	return cmd, start(cmd)
}

// giveAway makes a node's files belong to the user that is not root.
func giveAway(home string) error {
	if err := os.Chmod(filepath.Dir(home), 0o711); err != nil {
		return fmt.Errorf("giving the node's directory to user %d: %w", UserID, err)
	}
	err := filepath.WalkDir(home, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, UserID, UserID)
	})
	if err != nil {
		return fmt.Errorf("giving the node's directory to user %d: %w", UserID, err)
	}
	return nil
}
