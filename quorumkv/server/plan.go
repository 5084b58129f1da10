package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/internal/share"
	"github.com/lapse-test/lapse/quorumkv/api"
	"github.com/lapse-test/lapse/quorumkv/placement"
)

// sampleKeys are looked at unless a file has the keys: enough for shares to the tenth of a percent.
const sampleKeys = 100_000

// planned is a change of nodes that is asked about.
type planned struct {
	place       placement.Options // before the change
	join, leave []string
	keysFile    string // empty for made keys
}

func planCommand() *cobra.Command {
	p := planned{}
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Say what a change of nodes would move",
		Long: `Say which share of the keys' replicas a change of the nodes would move, from and to whom, in mode leaderless.

It is a computation: no node is asked, and nothing is changed. Keys are placed by hash with the partitioners ring and
modulo, so that 100,000 made ones tell the shares; with range the keys themselves are needed.`,
		Example: `  lapse quorumkv plan --nodes n1,n2,n3,n4,n5 --join n6
  lapse quorumkv plan --nodes n1,n2,n3,n4,n5 --join n6 --leave n2 --partitioner modulo`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.print(cmd.OutOrStdout())
		},
		SilenceUsage: true,
	}
	d, fs := Default(), cmd.Flags()
	fs.StringSliceVar(&p.place.Nodes, "nodes", nil, "names of all nodes as they are now (repeatable)")
	fs.StringSliceVar(&p.join, "join", nil, "names of nodes that would join (repeatable)")
	fs.StringSliceVar(&p.leave, "leave", nil, "names of nodes that would leave (repeatable)")
	fs.IntVar(&p.place.Replication, "replication", d.Replication, "replicas of a key (N)")
	fs.StringVar((*string)(&p.place.Partitioner), "partitioner", string(d.Partitioner), "which nodes hold a key: ring, modulo or range")
	fs.IntVar(&p.place.VirtualNodes, "virtual-nodes", d.VirtualNodes, "with partitioner ring: points of each node on the ring")
	fs.StringArrayVar(&p.place.SplitPoints, "split-points", nil, "with partitioner range: the first keys of all ranges but the first, in ascending order (repeatable)")
	fs.StringVar(&p.keysFile, "keys", "", "file of the keys, one a line; one that is there twice counts once")
	return cmd
}

// after are the nodes after the change.
func (p planned) after() ([]string, error) {
	var errs []error
	if len(p.place.Nodes) == 0 {
		errs = append(errs, errors.New("--nodes: name all nodes as they are now"))
	}
	if len(p.join)+len(p.leave) == 0 {
		errs = append(errs, errors.New("--join, --leave: name at least one node that would"))
	}
	for _, given := range []struct {
		flag  string
		names []string
	}{{"--nodes", p.place.Nodes}, {"--join", p.join}, {"--leave", p.leave}} {
		for i, n := range given.names {
			if err := validName(n); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", given.flag, err))
			} else if slices.Contains(given.names[:i], n) {
				errs = append(errs, fmt.Errorf("%s: %s is named twice", given.flag, n))
			}
		}
	}
	for _, n := range p.join {
		if slices.Contains(p.place.Nodes, n) {
			errs = append(errs, fmt.Errorf("--join: %s is one of --nodes already", n))
		}
	}
	for _, n := range p.leave {
		if !slices.Contains(p.place.Nodes, n) {
			errs = append(errs, fmt.Errorf("--leave: %s is none of --nodes", n))
		}
	}
	stay := slices.DeleteFunc(slices.Clone(p.place.Nodes), func(n string) bool { return slices.Contains(p.leave, n) })
	return append(stay, p.join...), errors.Join(errs...)
}

func (p planned) print(out io.Writer) error {
	names, err := p.after()
	if err != nil {
		return &ConfigError{err}
	}
	before, err := placement.New(p.place)
	if err != nil {
		return &ConfigError{fmt.Errorf("as it is: %w", err)}
	}
	to := p.place
	to.Nodes = names
	after, err := placement.New(to)
	if err != nil {
		return &ConfigError{fmt.Errorf("after the change: %w", err)}
	}
	keys, err := p.keys()
	if err != nil {
		return &ConfigError{err}
	}
	c := placement.Compare(before, after, keys)
	least := placement.LeastMoved(len(p.place.Nodes), len(names), len(p.join), len(p.leave))
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, "partitioner %s, %d replicas of each key, %d nodes, then %d; %d keys\n", p.place.Partitioner, p.place.Replication, len(p.place.Nodes), len(names), c.Keys)
	fmt.Fprintf(w, "to copy       %s of the replicas (%d of %d); between even placements it is %s at least\n", percent(c.Moved, c.After), c.Moved, c.After, share.Text(least, share.Figure))
	fmt.Fprintf(w, "keys touched  %s have other replicas than before, %s lose a majority of theirs\n\n", percent(c.Changed, c.Keys), percent(c.Bereft, c.Keys))
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "node\tholds\ttakes\tgives\tholds then\t")
	for _, n := range c.Nodes {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t\n", n.Node, n.Before, n.Takes, n.Gives, n.After)
	}
	return errors.Join(t.Flush(), w.Flush())
}

// keys are those of the file, or made ones.
func (p planned) keys() ([]string, error) {
	if p.keysFile == "" {
		if p.place.Partitioner == placement.Range {
			return nil, errors.New("--keys: partitioner range places keys by their bytes, so name a file with the keys, one a line")
		}
		keys := make([]string, sampleKeys)
		for i := range keys {
			keys[i] = "k" + strconv.Itoa(i)
		}
		return keys, nil
	}
	f, err := os.Open(p.keysFile)
	if err != nil {
		return nil, fmt.Errorf("--keys: %w", err)
	}
	defer func() { _ = f.Close() }() // was only read
	var keys []string
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 2*api.MaxKeyBytes)
	for line := 1; lines.Scan(); line++ {
		key := lines.Text()
		if key == "" || len(key) > api.MaxKeyBytes {
			return nil, fmt.Errorf("--keys: %s:%d: a key has 1 to %d bytes, this one has %d", p.keysFile, line, api.MaxKeyBytes, len(key))
		}
		keys = append(keys, key)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("--keys: %s: after %d keys: %w", p.keysFile, len(keys), err)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("--keys: %s has no keys", p.keysFile)
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

func percent(part, of int) string { return share.Text(float64(part)/float64(of), share.Figure) }
