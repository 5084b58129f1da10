package postgres

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// softwareOf is the PostgreSQL in an image that n is made of.
func softwareOf(ctx context.Context, image string, n cluster.Node) (software, error) {
	out, err := n.Exec(ctx, cluster.Command{Path: "postgres", Args: []string{"--version"}, NotRoot: true})
	var sw software
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	} else {
		sw, err = parseVersion(out)
	}
	if err != nil {
		return software{}, &cluster.EnvironmentError{
			Doing: "asking the postgres in the image " + image + " for its version", Err: err,
			Way: "use an image that is made like the official one (--image)",
		}
	}
	sw.image = image
	return sw, nil
}

// entryPoint starts a server by the entry point of the official image. If there is
// no data directory it makes one, otherwise it only becomes the right user.
func (s *System) entryPoint(n cluster.Node) cluster.Command {
	return cluster.Command{Args: []string{"postgres"}, Env: []string{"PGDATA=" + dataDir(n)}, Log: logName}
}

// initTimeout bounds the entry point's work on a new data directory.
const initTimeout = 2 * time.Minute

// initByEntryPoint has the image make the data directory of the first node, in the
// way that it makes every one: by being started without. The server that it starts
// in the end is stopped in order, so that its directory can be copied.
func (s *System) initByEntryPoint(ctx context.Context) error {
	n := s.Nodes[0]
	ctx, cancel := context.WithTimeout(ctx, initTimeout)
	defer cancel()
	s.Progress("initialising a data directory of " + s.software.String() + " by the image " + s.software.image)
	password := filepath.Join(n.Dir(), "password")
	if err := os.WriteFile(password, []byte(s.password), 0o600); err != nil {
		return fmt.Errorf("initialising the data directory: %w", err)
	}
	defer func() { _ = os.Remove(password) }() // vanishes with the node at the latest
	command := s.entryPoint(n)
	command.Env = append(command.Env, "POSTGRES_USER="+superuser, "POSTGRES_PASSWORD_FILE="+password,
		"POSTGRES_INITDB_ARGS=--encoding=UTF8 --locale=C --no-sync")
	// While the directory is made nothing can be reached over the network.
	command.Args = append(command.Args, "-c", "listen_addresses=*")
	if err := n.Start(ctx, command); err != nil {
		return err
	}
	err := s.WhileRunning(ctx, func(ctx context.Context) error {
		return cluster.Await(ctx, "the image to make a data directory", func(ctx context.Context) error {
			return s.admin(ctx, 0, func(*conn) error { return nil })
		})
	}, 0)
	if err != nil {
		return &cluster.EnvironmentError{
			Doing: "initialising a data directory by the image " + s.software.image, Err: err,
			Way: "see the log of " + n.Name() + ", and use an image that is made like the official one (--image)",
		}
	}
	// A fast shutdown: SIGTERM would wait for clients.
	if err := n.Signal(int(syscall.SIGINT)); err != nil {
		return fmt.Errorf("initialising the data directory: %w", err)
	}
	select {
	case <-n.Exited():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for the new data directory's server to end: %w", ctx.Err())
	}
}
