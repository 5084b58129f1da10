package compare

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	kv "github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/consensus"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// levels are those of writes and reads that are measured: of each mode those that are strongest.
var levels = map[string]struct{ write, read string }{
	consensus.Mode: {consensus.LevelMajority, consensus.LevelReadIndex},
	"leaderless":   {"2", "2"},
}

// ours is a mode of quorumkv at its defaults, but for the time after which a request is given up.
func ours(program, mode string) *system {
	s := &system{name: mode}
	at := levels[mode]
	s.start = func(ctx context.Context, l *launcher) (*cluster, error) {
		dir, dirs, addrs, err := l.place(nodes)
		if err != nil {
			return nil, err
		}
		var peers []string
		for i, a := range addrs {
			peers = append(peers, nodeName(i)+"="+a)
		}
		var commands [][]string
		for i := range nodes {
			commands = append(commands, []string{program, protocol.Name, "serve", "--mode", mode, "--node", nodeName(i), "--listen", addrs[i],
				"--data-dir", dirs[i], "--peers", strings.Join(peers, ","), "--request-timeout", "10s", "--log-level", "warn"})
		}
		c, err := l.launch(addrs, dir, commands)
		if err != nil {
			return nil, err
		}
		if err := c.await(ctx, func(ctx context.Context) error { return oursServe(ctx, mode, addrs) }); err != nil {
			c.stop()
			return nil, err
		}
		return c, nil
	}
	s.ways = []way{{"a client a node", func(_ context.Context, c *cluster) (out []client, _ error) {
		for _, a := range c.addrs {
			out = append(out, &oursClient{kv.New(a), at.write, at.read})
		}
		return out, nil
	}}}
	if mode == consensus.Mode {
		s.ways = append(s.ways, way{"one client, of the leader", func(ctx context.Context, c *cluster) ([]client, error) {
			h, err := health(ctx, c.addrs[0])
			if err != nil {
				return nil, err
			}
			i := slices.IndexFunc(c.addrs, func(a string) bool { o, err := health(ctx, a); return err == nil && o.Node == h.Leader })
			if i < 0 {
				return nil, errors.New("the leader does not answer")
			}
			return []client{&oursClient{kv.New(c.addrs[i]), at.write, at.read}}, nil
		}})
	}
	return s
}

func health(ctx context.Context, addr string) (protocol.Health, error) {
	c := kv.New(addr)
	defer c.Close()
	return c.Health(ctx)
}

// oursServe is nil when all nodes see each other, and know a leader if there is to be one.
func oursServe(ctx context.Context, mode string, addrs []string) error {
	for _, a := range addrs {
		h, err := health(ctx, a)
		if err != nil {
			return err
		}
		for name, p := range h.Peers {
			if !p.Connected {
				return fmt.Errorf("%s does not reach %s", h.Node, name)
			}
		}
		if mode == consensus.Mode && h.Leader == "" {
			return fmt.Errorf("%s knows no leader", h.Node)
		}
	}
	return nil
}

type oursClient struct {
	c           *kv.Client
	write, read string
}

func (o *oursClient) put(ctx context.Context, key string, value []byte) error {
	_, err := o.c.Put(ctx, key, value, o.write)
	return err
}

func (o *oursClient) get(ctx context.Context, key string) error {
	v, err := o.c.Get(ctx, key, o.read, "")
	if err == nil && (v == nil || len(v.Bytes()) != valueSize) {
		err = fmt.Errorf("%s has no value of %d bytes", key, valueSize)
	}
	return err
}

func (o *oursClient) close() { o.c.Close() }
