package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/launch"
)

// privateNetwork is the provider whose network nobody else can reach; there
// nodes ask for no password.
const privateNetwork = "sandbox"

// prepare makes the data directories: one is initialised, the others are cold
// copies of it, which a standby may be as well as a base backup, because the
// server that it belongs to has never run.
func (s *System) prepare(ctx context.Context, cache string) error {
	first := s.Nodes[0]
	if s.Cluster.Provider() == privateNetwork {
		// The template has no secret in it.
		if err := s.fromTemplate(ctx, newStore(cache, s.Progress)); err != nil {
			return err
		}
	} else {
		var err error
		if s.password, err = launch.NewPassword(); err != nil {
			return err
		}
		s.Secrets = []string{s.password}
		if s.software.image != "" {
			err = s.initByEntryPoint(ctx)
		} else {
			err = s.initdb(ctx, first, dataDir(first))
		}
		if err != nil {
			return err
		}
	}
	group := new(errgroup.Group)
	for i, n := range s.Nodes {
		group.Go(func() error {
			if i > 0 {
				if err := copyTree(dataDir(first), dataDir(n), nil); err != nil {
					return fmt.Errorf("preparing %s: %w", n.Name(), err)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i := range s.Nodes {
		if err := s.configure(i, s.follows(i)); err != nil {
			return err
		}
	}
	return nil
}

// initdb makes a data directory on a node.
func (s *System) initdb(ctx context.Context, n cluster.Node, dir string) error {
	args := []string{"-D", dir, "-U", superuser, "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions", "--auth=trust"}
	if s.password != "" {
		file := filepath.Join(n.Dir(), "password")
		if err := os.WriteFile(file, []byte(s.password+"\n"), 0o600); err != nil {
			return fmt.Errorf("initialising the data directory: %w", err)
		}
		defer func() { _ = os.Remove(file) }() // vanishes with the node at the latest
		if err := s.own(n, file); err != nil {
			return err
		}
		args = append(args, "--pwfile="+file)
	}
	s.Progress("initialising a data directory of " + s.software.String())
	out, err := n.Exec(ctx, cluster.Command{Path: filepath.Join(s.software.bindir, "initdb"), Args: args, NotRoot: true})
	if err == nil {
		return nil
	}
	way := "see that " + s.software.bindir + " is a whole PostgreSQL that ordinary users may execute"
	if launch.NoRoom(string(out)) {
		way = launch.Room(n)
	}
	return &cluster.EnvironmentError{Doing: "initialising a data directory on " + n.Name(), Err: fmt.Errorf("%w: %s", err, out), Way: way}
}

// fromTemplate puts a copy of the template data directory on the first node. The
// template is made once for each version and user and kept in the cache, where it
// counts only unaltered; a cache that cannot be written to only costs time.
func (s *System) fromTemplate(ctx context.Context, st *store) error {
	first := s.Nodes[0]
	template := filepath.Join(st.dir, "template-"+s.software.version)
	manifest := template + ".sha256"
	if verify(template, manifest) == nil {
		return copyTree(template, dataDir(first), nil)
	}
	if err := s.initdb(ctx, first, dataDir(first)); err != nil {
		return err
	}
	if err := keepTemplate(ctx, st, dataDir(first), template, manifest); err != nil {
		s.Logger.Debug("keeping the template data directory", "error", err)
	}
	return nil
}

func keepTemplate(ctx context.Context, st *store, dir, template, manifest string) error {
	if err := os.MkdirAll(st.dir, 0o755); err != nil {
		return err
	}
	return st.locked(ctx, func(context.Context) error {
		if verify(template, manifest) == nil {
			return nil
		}
		staging, err := os.MkdirTemp(st.dir, "staging-template-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(staging) }() // the next fetch clears what stays
		tree := filepath.Join(staging, "data")
		if err := copyTree(dir, tree, nil); err != nil {
			return err
		}
		list, err := describe(tree)
		if err != nil {
			return err
		}
		return errors.Join(
			os.RemoveAll(manifest), os.RemoveAll(template),
			writeFile(manifest, list, 0o600), os.Rename(tree, template),
		)
	})
}

// own gives a file or directory tree to the owner of the node's directory: where
// the servers run as another user than the harness, that is their user.
func (s *System) own(n cluster.Node, path string) error {
	uid, gid, err := owner(n.Dir())
	if err != nil || uid == os.Geteuid() {
		return err
	}
	err = filepath.WalkDir(path, func(p string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(p, uid, gid)
	})
	if err != nil {
		return fmt.Errorf("giving %s to the server's user: %w", path, err)
	}
	return nil
}
