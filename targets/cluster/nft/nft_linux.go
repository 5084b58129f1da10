// Package nft drops packets in a network namespace, by source address, and
// counts them: nftables over netlink, no binary needed.
package nft

import (
	"bytes"
	"fmt"
	"net/netip"
	"sync"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"

	"github.com/lapse-test/lapse/targets/cluster"
)

// ProbeTOS is the type-of-service byte of packets that are dropped like all
// others but not counted: a probe that tests a cut must not make it look as if
// the database's packets had been dropped.
const ProbeTOS = 0x1c

// OwnSpace stands for the network namespace of this process, where no right to enter
// one is needed.
const OwnSpace = 0

const chainName = "cut"

// Firewall drops IPv4 packets that arrive in one network namespace and are meant
// for it, so that neither open nor new connections get through. (The input hook
// rather than prerouting: with br_netfilter the latter also sees what a bridge
// only passes on.) It has a table of its own, which is there only while something
// is dropped, but for Linger. It is safe for concurrent use.
type Firewall struct {
	nsFD  int
	table *nftables.Table
	chain *nftables.Chain

	mu      sync.Mutex
	dropped map[netip.Addr]bool
	lingers bool // the table stays when nothing is dropped
	empty   bool // it has stayed so
}

// New is the firewall of the network namespace behind the descriptor nsFD,
// which must stay open, or OwnSpace. The table's name must be the run's own.
func New(nsFD int, table string) *Firewall {
	t := &nftables.Table{Family: nftables.TableFamilyIPv4, Name: table}
	return &Firewall{
		nsFD:  nsFD,
		table: t,
		chain: &nftables.Chain{
			Name:     chainName,
			Table:    t,
			Type:     nftables.ChainTypeFilter,
			Hooknum:  nftables.ChainHookInput,
			Priority: nftables.ChainPriorityRaw,
		},
		dropped: map[netip.Addr]bool{},
	}
}

// Remove removes a table that a process which is no more has left in the network
// namespace of this one. That there is none is no error.
func Remove(table string) (bool, error) {
	c, err := nftables.New()
	if err != nil {
		return false, fmt.Errorf("opening netfilter's netlink socket: %w", err)
	}
	all, err := c.ListTablesOfFamily(nftables.TableFamilyIPv4)
	if err != nil {
		return false, fmt.Errorf("listing nftables: %w", err)
	}
	for _, t := range all {
		if t.Name != table {
			continue
		}
		c.DelTable(t)
		if err := c.Flush(); err != nil {
			return false, fmt.Errorf("removing the nftables table %s: %w", table, err)
		}
		return true, nil
	}
	return false, nil
}

func (f *Firewall) conn() (*nftables.Conn, error) {
	c, err := nftables.New(nftables.WithNetNSFd(f.nsFD))
	if err != nil {
		return nil, fmt.Errorf("opening netfilter's netlink socket: %w", err)
	}
	return c, nil
}

// Drop drops what comes from these addresses from now on, all or none of them.
// Those that are dropped already stay so, and their counters go on.
func (f *Firewall) Drop(from ...netip.Addr) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	c, err := f.conn()
	if err != nil {
		return err
	}
	if len(f.dropped) == 0 {
		c.AddTable(f.table)
		c.AddChain(f.chain)
	}
	fresh := map[netip.Addr]bool{}
	for _, a := range from {
		if !a.Is4() {
			return fmt.Errorf("dropping packets from %v: not an IPv4 address", a)
		}
		if f.dropped[a] || fresh[a] {
			continue
		}
		fresh[a] = true
		c.AddRule(f.rule(a, countAllButProbes))
		c.AddRule(f.rule(a, drop))
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("adding nftables rules: %w", err)
	}
	for a := range fresh {
		f.dropped[a] = true
	}
	f.empty = false
	return nil
}

// Accept undoes Drop for these addresses.
func (f *Firewall) Accept(from ...netip.Addr) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	left := len(f.dropped)
	gone := map[string]bool{}
	for _, a := range from {
		if f.dropped[a] && !gone[a.String()] {
			gone[a.String()] = true
			left--
		}
	}
	if len(gone) == 0 {
		return nil
	}
	c, err := f.conn()
	if err != nil {
		return err
	}
	if left == 0 && !f.lingers {
		c.DelTable(f.table)
	} else if err := f.delete(c, gone); err != nil {
		return err
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("removing nftables rules: %w", err)
	}
	for _, a := range from {
		delete(f.dropped, a)
	}
	f.empty = left == 0 && f.lingers
	return nil
}

// Linger says whether the table stays from now on when nothing is dropped any more: the kernel
// loses what waits in the packet queues of a network namespace when one goes. An empty table
// that was kept goes when it need not stay any longer.
func (f *Firewall) Linger(stays bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lingers = stays
	if stays || !f.empty {
		return nil
	}
	c, err := f.conn()
	if err != nil {
		return err
	}
	c.DelTable(f.table)
	if err := c.Flush(); err != nil {
		return fmt.Errorf("removing nftables rules: %w", err)
	}
	f.empty = false
	return nil
}

func (f *Firewall) delete(c *nftables.Conn, comments map[string]bool) error {
	rules, err := c.GetRules(f.table, f.chain)
	if err != nil {
		return fmt.Errorf("listing nftables rules: %w", err)
	}
	for _, r := range rules {
		if !comments[comment(r)] {
			continue
		}
		if err := c.DelRule(r); err != nil {
			return fmt.Errorf("removing an nftables rule: %w", err)
		}
	}
	return nil
}

// AcceptAll undoes every Drop.
func (f *Firewall) AcceptAll() error {
	f.mu.Lock()
	all := make([]netip.Addr, 0, len(f.dropped))
	for a := range f.dropped {
		all = append(all, a)
	}
	f.mu.Unlock()
	return f.Accept(all...)
}

// Dropped counts what was dropped since Drop, for every address that is dropped.
func (f *Firewall) Dropped() (map[netip.Addr]cluster.Drops, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[netip.Addr]cluster.Drops{}
	if len(f.dropped) == 0 {
		return out, nil
	}
	c, err := f.conn()
	if err != nil {
		return nil, err
	}
	rules, err := c.GetRules(f.table, f.chain)
	if err != nil {
		return nil, fmt.Errorf("reading nftables counters: %w", err)
	}
	for _, r := range rules {
		for _, e := range r.Exprs {
			n, ok := e.(*expr.Counter)
			if !ok {
				continue
			}
			a, err := netip.ParseAddr(comment(r))
			if err != nil {
				return nil, fmt.Errorf("reading nftables counters: %w", err)
			}
			out[a] = cluster.Drops{Packets: n.Packets, Bytes: n.Bytes}
		}
	}
	return out, nil
}

// comment is what `nft list ruleset` shows behind the rule; ours name the
// address.
func comment(r *nftables.Rule) string {
	b := r.UserData
	for len(b) >= 2 && len(b) >= 2+int(b[1]) {
		if userdata.Type(b[0]) == userdata.TypeComment {
			return string(bytes.TrimRight(b[2:2+int(b[1])], "\x00"))
		}
		b = b[2+int(b[1]):]
	}
	return ""
}

// Offsets in the header of IPv4 (RFC 791, section 3.1).
const (
	offsetTOS         = 1
	offsetSource      = 12
	offsetDestination = 16
)

func match(offset, length uint32, op expr.CmpOp, data []byte) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length},
		&expr.Cmp{Op: op, Register: 1, Data: data},
	}
}

// countAllButProbes goes on with the next rule.
var countAllButProbes = append(match(offsetTOS, 1, expr.CmpOpNeq, []byte{ProbeTOS}), &expr.Counter{})

var drop = []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}

func (f *Firewall) rule(from netip.Addr, then []expr.Any) *nftables.Rule {
	return &nftables.Rule{
		Table:    f.table,
		Chain:    f.chain,
		Exprs:    append(match(offsetSource, 4, expr.CmpOpEq, from.AsSlice()), then...),
		UserData: userdata.Append(nil, userdata.TypeComment, append([]byte(from.String()), 0)),
	}
}
