package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/quorumkv/certs"
	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/membership"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// looks is how often a command that waits for the end of a change looks how far it is.
const looks = 200 * time.Millisecond

// membersCommand is `members`: it shows and changes the members of a cluster that runs.
func membersCommand() *cobra.Command {
	m := &memberFlags{}
	cmd := &cobra.Command{
		Use:   "members",
		Short: "Show and change the nodes that hold keys, while they serve",
		Long: `Show and change the nodes that hold keys, in modes leaderless and raft, while they serve.

A change goes on by itself once it has begun, also after nodes were killed and started again. 'add' and 'remove' wait
until it is done; ended before, they leave it going on.`,
		Example: `  lapse quorumkv members status --at $AT
  lapse quorumkv members add n4 --at $AT
  lapse quorumkv members remove n2 --at $AT`,
		Args: cobra.NoArgs,
	}
	m.flags(cmd.PersistentFlags())
	cmd.AddCommand(
		m.command("status", "Show the members, and how far a change is", "", func(string) *protocol.MemberChange { return nil }),
		m.command("add", "Make a node that runs a member", " NODE", func(n string) *protocol.MemberChange { return &protocol.MemberChange{Add: n} }),
		m.command("remove", "Take a node out of the members; it goes on serving clients, without keys of its own", " NODE",
			func(n string) *protocol.MemberChange { return &protocol.MemberChange{Remove: n} }),
		m.command("cancel", "Give up a change that is moving keys", "", func(string) *protocol.MemberChange { return &protocol.MemberChange{Cancel: true} }),
	)
	return cmd
}

type memberFlags struct {
	at    string
	files certs.Files
}

func (m *memberFlags) flags(fs *pflag.FlagSet) {
	fs.StringVar(&m.at, "at", "", "host:port of any node")
	fs.StringVar(&m.files.Cert, "tls-cert", "", "PEM file of a certificate, where nodes want one")
	fs.StringVar(&m.files.Key, "tls-key", "", "PEM file of its private key")
	fs.StringVar(&m.files.CA, "tls-ca", "", "PEM file of the authorities that sign the nodes' certificates")
}

// client is that of the node at --at. Close it afterwards.
func (m *memberFlags) client() (*client.Client, error) {
	if err := validAddress(m.at, false); err != nil {
		return nil, &ConfigError{fmt.Errorf("--at: %w", err)}
	}
	_, secure, err := certs.Load(m.files)
	if err != nil {
		return nil, &ConfigError{fmt.Errorf("--tls-cert, --tls-key, --tls-ca: %w", err)}
	}
	return client.NewSecure(m.at, secure, (&net.Dialer{}).DialContext), nil
}

func (m *memberFlags) command(name, short, arg string, change func(string) *protocol.MemberChange) *cobra.Command {
	args := cobra.ExactArgs(strings.Count(arg, " "))
	return &cobra.Command{
		Use: name + arg, Short: short, SilenceUsage: true,
		Example: "  lapse quorumkv members " + name + strings.ReplaceAll(arg, "NODE", "n4") + " --at $AT",
		Args: func(cmd *cobra.Command, given []string) error {
			if err := args(cmd, given); err != nil {
				return &ConfigError{fmt.Errorf("members %s: %w", name, err)}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := m.client()
			if err != nil {
				return err
			}
			defer c.Close()
			node := strings.Join(args, "")
			return carryOut(cmd.Context(), c, change(node), node, cmd.OutOrStdout())
		},
	}
}

// carryOut asks for a change, if there is one, and prints what becomes of it until it is done.
func carryOut(ctx context.Context, c *client.Client, change *protocol.MemberChange, node string, out io.Writer) error {
	if change == nil {
		s, err := c.Members(ctx)
		if err != nil {
			return fmt.Errorf("ask for the members: %w", err)
		}
		return printMembers(out, s)
	}
	s, err := c.ChangeMembers(ctx, *change)
	if err != nil {
		return refused("change the members", err)
	}
	s, err = await(ctx, c, s, out)
	if err != nil {
		return err
	}
	if err := printMembers(out, s); err != nil {
		return err
	}
	if change.Add != "" && !slices.Contains(s.Members, node) || change.Remove != "" && slices.Contains(s.Members, node) {
		return errors.New("the change was canceled")
	}
	return nil
}

// refused is bad input where a node says that nothing was changed because of what was asked for.
func refused(doing string, err error) error {
	var e *client.Error
	if errors.As(err, &e) && e.Outcome == protocol.NotWritten && e.Status >= 400 && e.Status < 500 {
		return &ConfigError{errors.New(e.Message)}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// await prints how far a change is until it is done, and returns its end.
func await(ctx context.Context, c *client.Client, s protocol.Members, out io.Writer) (protocol.Members, error) {
	last := ""
	for s.Phase != string(membership.Stable) {
		if line := progress(s); line != last {
			fmt.Fprintln(out, line)
			last = line
		}
		select {
		case <-ctx.Done():
			return s, fmt.Errorf("the change goes on: %w", ctx.Err())
		case <-time.After(looks):
		}
		now, err := c.Members(ctx)
		if err != nil {
			return s, fmt.Errorf("the change goes on, as far as is known; ask for the members: %w", err)
		}
		if len(now.Moves) == 0 && s.Phase == string(membership.Switching) {
			now.Moves = s.Moves // known to the node that carried the change out alone, which may be no member now
		}
		s = now
	}
	return s, nil
}

// progress is one line of what a change has done.
func progress(s protocol.Members) string {
	line := fmt.Sprintf("%s, epoch %d: from %s to %s", s.Phase, s.Epoch, strings.Join(s.Members, " "), strings.Join(s.Next, " "))
	if slices.Equal(s.Members, s.Next) {
		line = fmt.Sprintf("%s, epoch %d: ranges change on %s", s.Phase, s.Epoch, strings.Join(s.Members, " "))
	}
	records := int64(0)
	for _, m := range s.Moves {
		records += m.Records
	}
	if records > 0 {
		line += fmt.Sprintf("; %d records copied", records)
	}
	if s.Waiting != "" {
		line += "; waits: " + s.Waiting
	}
	return line
}

func printMembers(out io.Writer, s protocol.Members) error {
	if s.Lost != "" {
		if _, err := fmt.Fprintln(out, "the node that was asked says: "+s.Lost); err != nil {
			return err
		}
	}
	if s.Phase != string(membership.Stable) {
		_, err := fmt.Fprintln(out, progress(s))
		return err
	}
	who := s.Steward
	if who == "" {
		who = "the next leader"
	}
	if _, err := fmt.Fprintf(out, "epoch %d: the members are %s; %s carries out changes\n", s.Epoch, strings.Join(s.Members, " "), who); err != nil {
		return err
	}
	var keys, taken, records, ms int64
	for _, m := range s.Moves {
		keys, taken, records, ms = max(keys, m.Keys), taken+m.Taken, records+m.Records, max(ms, m.MS)
	}
	if keys == 0 {
		return nil
	}
	_, err := fmt.Fprintf(out, "the last change gave %s of the replicas of %d keys to other nodes, by %d records in %s\n",
		percent(int(taken), int(keys)*s.Replication), keys, records, duration.Millis(float64(ms)))
	return err
}
