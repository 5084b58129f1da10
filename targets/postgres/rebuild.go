package postgres

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// linkPatience bounds the time in which a link shows that it works.
const linkPatience = 300 * time.Millisecond

// rebuildStandby makes a stopped node a standby of the present primary, by a base
// backup with the low-level protocol (pg_backup_start, copying the files,
// pg_backup_stop), and starts it. Nothing of the node's former data is kept. The
// files are reached directly, so that it is first made sure that the network
// would let them pass. s.roles is held.
func (s *System) rebuildStandby(ctx context.Context, node int) error {
	n, primary := s.Nodes[node], s.primaryIndex()
	from := s.Nodes[primary]
	for _, link := range cluster.Both(from.Name(), n.Name()) {
		probe, cancel := context.WithTimeout(ctx, linkPatience)
		err := s.Cluster.Network().Probe(probe, link)
		cancel()
		if err != nil {
			return fmt.Errorf("copying %s to %s: %w", from.Name(), n.Name(), err)
		}
	}
	dir := dataDir(n)
	var end lsn
	err := s.admin(ctx, primary, func(c *conn) error {
		if c.standby() {
			return errNotPrimary
		}
		if err := execute(ctx, c.pg, `SELECT pg_backup_start('lapse', true)`); err != nil {
			return err
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if err := copyTree(dataDir(from), dir, leftOut); err != nil {
			return err
		}
		// Last, as it tells from where the log counts.
		control := filepath.Join("global", "pg_control")
		if err := copyFile(filepath.Join(dataDir(from), control), filepath.Join(dir, control), 0o600); err != nil {
			return err
		}
		var at, label string
		if err := c.pg.QueryRow(ctx, `SELECT lsn::text, labelfile FROM pg_backup_stop(false)`).Scan(&at, &label); err != nil {
			return err
		}
		var err error
		if end, err = parseLSN(at); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "backup_label"), []byte(label), 0o600)
	})
	if err != nil {
		return fmt.Errorf("copying %s to %s: %w", from.Name(), n.Name(), err)
	}
	if err := s.configure(node, primary); err != nil {
		return err
	}
	if err := s.launch(ctx, node); err != nil {
		return err
	}
	delete(s.rebuild, node)
	delete(s.strayed, node)
	s.copied[node] = end
	s.Tell("standby", "%s is a standby of %s again, from a fresh copy", n.Name(), from.Name())
	return nil
}

// leftOut says what a base backup does not contain, as the documentation of the
// low-level protocol lists it; directories stay, empty.
func leftOut(rel string) bool {
	switch top, rest, nested := strings.Cut(filepath.ToSlash(rel), "/"); top {
	case lockName, "postmaster.opts", "standby.signal", "recovery.signal", "backup_label", "current_logfiles":
		return true
	case "pg_wal", "pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans":
		// The server wants these directories.
		needed := top == "pg_wal" && (rest == "archive_status" || rest == "summaries")
		return nested && !needed
	case "global":
		return rest == "pg_control"
	}
	return strings.HasPrefix(filepath.Base(rel), "pgsql_tmp")
}
