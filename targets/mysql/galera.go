package mysql

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/targets/cluster"
)

// provider is the library of Galera where Debian and the official image have it.
const provider = "/usr/lib/galera/libgalera_smm.so"

// galeraArgs are those of node i. The first one makes the cluster, once; a node that was
// killed joins the one that there is, from its recovered position or, as whoever does
// not know of it does, without.
func (s *System) galeraArgs(ctx context.Context, i int, args []string) ([]string, error) {
	n := s.Nodes[i]
	members := make([]string, len(s.Nodes))
	for j, m := range s.Nodes {
		members[j] = fmt.Sprintf("%s:%d", m.Address(), groupPort)
	}
	at := func(port int) string { return fmt.Sprintf("%s:%d", n.Address(), port) }
	args = append(args,
		"--wsrep-on=ON", "--wsrep-provider="+provider, "--innodb-autoinc-lock-mode=2", "--wsrep-cluster-name=lapse",
		"--wsrep-cluster-address=gcomm://"+strings.Join(members, ","), "--wsrep-node-name="+n.Name(), "--wsrep-node-address="+at(groupPort),
		"--wsrep-node-incoming-address="+s.incoming()[i],
		"--wsrep-sst-method=rsync", "--wsrep-sst-receive-address="+at(sstPort),
		fmt.Sprintf("--wsrep-provider-options=gmcast.listen_addr=tcp://%s;ist.recv_addr=%s;gcache.size=64M", at(groupPort), at(istPort)))
	s.transfers.started(i, sizeOf(s.logPath(i)))
	switch {
	case !s.formed.Load() && i == 0:
		return append(args, "--wsrep-new-cluster"), nil
	case !s.formed.Load() || s.transfers.blank(i):
		_, err := n.Exec(ctx, cluster.Command{Path: "/bin/mkdir", Args: []string{"-p", dataDir(n), n.Dir() + "/tmp"}, NotRoot: true})
		return args, err
	case !s.set.recovered:
		s.Tell("restart", "%s was started without its recovered position, as --set %s=%s says", n.Name(), optRestart, restartPlain)
		return args, nil
	}
	at0, err := s.recoveredPosition(ctx, i, args)
	if err != nil {
		return nil, err
	}
	s.Tell("restart", "%s was started at its recovered position %s", n.Name(), at0)
	return append(args, "--wsrep-start-position="+at0), nil
}

var recoveredText = regexp.MustCompile(`WSREP: Recovered position: ([0-9a-f-]{36}:-?\d+)`)

// recoveredPosition asks the data directory of a node that does not run for the last
// transaction in it (mariadbd --wsrep-recover), as Debian's service does before it starts
// a server (galera_recovery). The file grastate.dat does not say it after a kill.
func (s *System) recoveredPosition(ctx context.Context, i int, args []string) (string, error) {
	out, err := s.Nodes[i].Exec(ctx, cluster.Command{Path: s.program("mariadbd"), Args: append(args[:len(args):len(args)], "--wsrep-recover", "--skip-networking"), NotRoot: true})
	m := recoveredText.FindSubmatch(out)
	if m == nil {
		return "", errors.Join(err, fmt.Errorf("recovering the position of %s: %s", s.Nodes[i].Name(), complaint(string(out))))
	}
	return string(m[1]), nil
}

// formGalera waits until all nodes are members, makes the tables, and returns when a
// write of every node was seen at every other.
func (s *System) formGalera(ctx context.Context) error {
	if err := s.Await(ctx, "to join the cluster", s.joined); err != nil {
		return err
	}
	// Each was once; one may have become a donor, or left, while others were waited for.
	err := cluster.Await(ctx, "all nodes to be members at once", func(ctx context.Context) error {
		for i := range s.Nodes {
			if err := s.joined(ctx, i); err != nil {
				return fmt.Errorf("%s: %w", s.Nodes[i].Name(), err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.formed.Store(true)
	if err := s.learnVersion(ctx); err != nil {
		return err
	}
	library, err := s.status(ctx, 0, "wsrep_provider_version")
	if err != nil {
		return err
	}
	s.library, _, _ = strings.Cut(library, "(")
	if err := s.makeSchema(ctx, 0); err != nil {
		return err
	}
	if err := s.Await(ctx, "to serve", s.galeraReady); err != nil {
		return err
	}
	return s.Await(ctx, "to show what the others wrote", func(ctx context.Context, i int) error {
		for j := range s.Nodes {
			if err := s.shows(ctx, i, j+1); err != nil {
				return err
			}
		}
		return nil
	})
}

// joined returns nil when node i sees all nodes and has the data of the others: what is
// written meanwhile has to be sent after, which can fail (see docs/targets/mysql.md).
func (s *System) joined(ctx context.Context, i int) error {
	if err := s.answers(ctx, i); err != nil {
		return err
	}
	size, err := s.status(ctx, i, "wsrep_cluster_size")
	if err != nil {
		return err
	}
	if size != strconv.Itoa(len(s.Nodes)) {
		return fmt.Errorf("it sees %s of %d nodes", size, len(s.Nodes))
	}
	const synced = "Synced"
	state, err := s.status(ctx, i, "wsrep_local_state_comment")
	if err == nil && state != synced {
		err = fmt.Errorf("it is %s, not %s", state, synced)
	}
	return err
}

// galeraReady returns nil when node is a member of the primary component with all of its
// data, and takes a write.
func (s *System) galeraReady(ctx context.Context, node int) error {
	return s.admin(ctx, node, func(c *conn) error {
		r, err := c.query(ctx, `SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_ready', 'wsrep_cluster_status', 'wsrep_local_state_comment')`)
		if err != nil {
			return err
		}
		var says []string
		for _, row := range r.values {
			says = append(says, fmt.Sprint(row[1]))
		}
		if text := strings.Join(says, " "); len(says) != 3 || !strings.Contains(text, "Primary") || strings.Contains(text, "non-Primary") || !strings.Contains(text, "Synced") || !strings.Contains(text, "ON") {
			return fmt.Errorf("the node is %s", text)
		}
		return c.execute(ctx, `REPLACE INTO `+s.database+`.probe VALUES (?, 1)`, int64(node+1))
	})
}
