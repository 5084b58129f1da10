package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/launch"
)

// etcdLog is the file in a node's log directory that its member of etcd writes to.
const etcdLog = "etcd.log"

// maxMembers bounds the members of etcd: a majority of three is
// what etcd's own documentation begins with.
const maxMembers = 3

// findMembers chooses the nodes of etcd.
func (m *manager) findMembers() error {
	s := m.sys
	if s.set.patroni.dcs == dcsNodes {
		m.members = s.Nodes[:min(len(s.Nodes), maxMembers)]
		return nil
	}
	n, err := s.Cluster.Node("etcd")
	m.members = []cluster.Node{n}
	return err
}

// startMember starts etcd on one of its nodes, with the data that it has there. Where it
// is not alone it is no main process, and ends with the node: Kill means it, too.
func (m *manager) startMember(ctx context.Context, i int) error {
	n := m.members[i]
	command, err := m.etcdCommand(i)
	if err != nil {
		return fmt.Errorf("starting etcd on %s: %w", n.Name(), err)
	}
	if m.sys.set.patroni.dcs == dcsBeside {
		return n.Start(ctx, command)
	}
	m.running.Go(func() {
		if out, err := n.Exec(m.ctx, command); err != nil {
			m.sys.Logger.Debug("etcd has ended", "node", n.Name(), "error", err, "output", string(out))
		}
	})
	return nil
}

func (m *manager) etcdCommand(i int) (cluster.Command, error) {
	n, c := m.members[i], m.sys.Cluster
	var list []string
	var errs []error
	for _, member := range m.members {
		addr, err := c.Bind(member.Name(), etcdPeer)
		list, errs = append(list, member.Name()+"=http://"+addr), append(errs, err)
	}
	client, err := c.Bind(n.Name(), etcdClient)
	peer, peerErr := c.Bind(n.Name(), etcdPeer)
	return cluster.Command{
		// It takes a path with a comma for two: the log is named from where it is.
		Path: m.programs[programEtcd], Dir: n.LogDir(), Log: etcdLog,
		Args: []string{
			"--name", n.Name(), "--data-dir", filepath.Join(n.Dir(), "etcd"),
			"--logger", "zap", "--log-level", "warn", "--log-outputs", etcdLog,
			"--listen-client-urls", "http://" + client, "--advertise-client-urls", "http://" + client,
			"--listen-peer-urls", "http://" + peer, "--initial-advertise-peer-urls", "http://" + peer,
			"--initial-cluster", strings.Join(list, ","), "--initial-cluster-token", "lapse",
			"--heartbeat-interval", "100", "--election-timeout", "1000",
		},
	}, errors.Join(append(errs, err, peerErr)...)
}

// awaitMembers waits until etcd serves at every member. Its error has the last words of
// one that does not.
func (m *manager) awaitMembers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	store := launch.New("etcd for Patroni", etcdLog, nil, targets.Config{Log: m.sys.Logger, Progress: m.sys.Progress})
	store.Cluster, store.Nodes = m.sys.Cluster, m.members
	serve := func(ctx context.Context) error {
		for i, n := range m.members {
			addr, err := store.Addr(i, etcdClient)
			if err != nil {
				return err
			}
			err = cluster.Await(ctx, "etcd on "+n.Name(), func(ctx context.Context) error {
				var health struct{}
				return m.get(ctx, "http://"+addr+"/health", &health)
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	var err error
	if m.sys.set.patroni.dcs == dcsBeside {
		err = store.WhileRunning(ctx, serve)
	} else if err = serve(ctx); err != nil { // no main processes, whose end could be seen
		err = fmt.Errorf("%w; %s", err, store.Words())
	}
	if err != nil {
		return store.Failed(ctx, err)
	}
	return nil
}

// storeTimeout is for etcd on a loaded machine.
const storeTimeout = 30 * time.Second

// get asks over HTTP for JSON. Answer is filled in also when the status is not 200, which
// is an error, as is an answer beyond mostAnswered.
func (m *manager) get(ctx context.Context, url string, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := m.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if err := readAnswer(resp.Body, answer); err != nil {
		return fmt.Errorf("%s: %w", resp.Status, err)
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}
