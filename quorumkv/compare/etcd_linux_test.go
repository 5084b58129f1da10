package compare

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	driver "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/lapse-test/lapse/targets"
	target "github.com/lapse-test/lapse/targets/etcd"
)

// etcd is that of the target's version 3.6 at its defaults.
func etcd(ctx context.Context) (*system, error) {
	user, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("find the cache: %w", err)
	}
	cfg := targets.Config{Cache: filepath.Join(user, "lapse"), Options: map[string]string{"version": "3.6"}, Progress: func(line string) { fmt.Println(line) }}
	if err := (target.Target{}).Fetch(ctx, cfg); err != nil {
		return nil, err
	}
	server, err := target.Fetched(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s := &system{name: "etcd " + server.Version}
	s.start = func(ctx context.Context, l *launcher) (*cluster, error) { return startEtcd(ctx, l, server.Path) }
	s.ways = []way{
		{"a client a node", func(_ context.Context, c *cluster) (out []client, err error) {
			for _, a := range c.addrs {
				one, wrong := openEtcd(a)
				out, err = append(out, one), errors.Join(err, wrong)
			}
			return out, err
		}},
		{"one client of all nodes", func(_ context.Context, c *cluster) ([]client, error) {
			one, err := openEtcd(c.addrs...)
			return []client{one}, err
		}},
		{"one client, of the leader", func(ctx context.Context, c *cluster) ([]client, error) {
			a, err := leaderOfEtcd(ctx, c.addrs)
			if err != nil {
				return nil, err
			}
			one, err := openEtcd(a)
			return []client{one}, err
		}},
	}
	return s, nil
}

func startEtcd(ctx context.Context, l *launcher, program string) (*cluster, error) {
	dir, dirs, addrs, err := l.place(2 * nodes)
	if err != nil {
		return nil, err
	}
	clients, peers := addrs[:nodes], addrs[nodes:]
	var list []string
	for i, p := range peers {
		list = append(list, nodeName(i)+"=http://"+p)
	}
	var commands [][]string
	for i := range nodes {
		commands = append(commands, []string{program, "--name", nodeName(i), "--data-dir", dirs[i], "--log-level", "error", "--log-outputs", "stderr",
			"--listen-client-urls", "http://" + clients[i], "--advertise-client-urls", "http://" + clients[i],
			"--listen-peer-urls", "http://" + peers[i], "--initial-advertise-peer-urls", "http://" + peers[i],
			"--initial-cluster", strings.Join(list, ","), "--initial-cluster-state", "new", "--initial-cluster-token", filepath.Base(dir)})
	}
	c, err := l.launch(clients, dir, commands)
	if err != nil {
		return nil, err
	}
	if err := c.await(ctx, func(ctx context.Context) error { _, err := leaderOfEtcd(ctx, clients); return err }); err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

// leaderOfEtcd is the leader's address, when all nodes know it.
func leaderOfEtcd(ctx context.Context, addrs []string) (leader string, err error) {
	c, err := openEtcd(addrs...)
	if err != nil {
		return "", err
	}
	defer c.close()
	for _, a := range addrs {
		is, err := c.Status(ctx, a)
		if err != nil {
			return "", fmt.Errorf("the status of %s: %w", a, err)
		}
		if is.Leader == 0 {
			return "", fmt.Errorf("%s knows no leader", a)
		}
		if is.Leader == is.Header.MemberId {
			leader = a
		}
	}
	if leader == "" {
		return "", errors.New("no node leads")
	}
	return leader, nil
}

// etcdClient is etcd's own client as its documentation has it: Get is linearizable.
type etcdClient struct{ *driver.Client }

func openEtcd(addrs ...string) (*etcdClient, error) {
	c, err := driver.New(driver.Config{Endpoints: addrs, Logger: zap.NewNop()})
	if err != nil {
		return nil, fmt.Errorf("make a client of etcd: %w", err)
	}
	return &etcdClient{c}, nil
}

func (e *etcdClient) put(ctx context.Context, key string, value []byte) error {
	_, err := e.Put(ctx, key, string(value))
	return err
}

func (e *etcdClient) get(ctx context.Context, key string) error {
	r, err := e.Get(ctx, key)
	if err == nil && (len(r.Kvs) != 1 || len(r.Kvs[0].Value) != valueSize) {
		err = fmt.Errorf("%s has no value of %d bytes", key, valueSize)
	}
	return err
}

func (e *etcdClient) close() { _ = e.Close() } // what it was asked is answered
