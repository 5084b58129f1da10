package nft

import (
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Treatment is what befalls what comes from one address. The zero value is nothing.
type Treatment struct {
	// Loss is which share of it is lost, from 0 to 1; with Burst in bursts in which all of
	// it is, so long on average.
	Loss  float64
	Burst time.Duration
	// Duplicate is which share arrives twice, from 0 to 1.
	Duplicate float64
	// Queue hands it to whoever reads the queue; where nobody does it passes.
	Queue bool
}

// Treated counts what came from an address since its treatment began, probes excepted.
type Treated struct {
	// Passed arrived, Lost did not, and Twice arrived twice.
	Passed, Lost, Twice cluster.Drops
}

// Shaping treats IPv4 packets that arrive in one network namespace and are meant for it,
// after a Firewall of the same namespace has had them. It has a table of its own, which is
// there from the first Treat to Rest. It is safe for concurrent use.
type Shaping struct {
	nsFD  int
	queue uint16

	table                   *nftables.Table
	chain, lost             *nftables.Chain
	bursting, rest          *nftables.Set
	mu                      sync.Mutex
	treated                 map[netip.Addr]Treatment
	made                    bool // the table is there
	noQueueExpr, triedQueue bool
}

// The names of what the table has in it.
const (
	chainShape = "shape"
	chainLost  = "lost"
	setBurst   = "burst"
	setRest    = "rest"
)

// What rules count, in their comments behind the address.
const (
	countsPassed = "passed"
	countsLost   = "lost"
	countsTwice  = "twice"
	countsNone   = "-"
)

// NewShaping is that of the network namespace behind the descriptor nsFD, as New has it;
// queue is the number of the queue that packets are handed to. The table's name must be the
// run's own, and none of a Firewall's.
func NewShaping(nsFD int, table string, queue uint16) *Shaping {
	t := &nftables.Table{Family: nftables.TableFamilyIPv4, Name: table}
	set := func(name string) *nftables.Set {
		return &nftables.Set{Table: t, Name: name, KeyType: nftables.TypeIPAddr, Dynamic: true, HasTimeout: true, Size: 1 << 10}
	}
	return &Shaping{
		nsFD: nsFD, queue: queue, table: t,
		chain: &nftables.Chain{
			Name: chainShape, Table: t, Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityRef(*nftables.ChainPriorityRaw + 1),
		},
		lost:     &nftables.Chain{Name: chainLost, Table: t},
		bursting: set(setBurst), rest: set(setRest),
		treated: map[netip.Addr]Treatment{},
	}
}

// Treat gives what comes from these addresses a treatment in place of the one it had; the
// zero Treatment is none. Counters of those begin anew. It is done to all of them or none.
func (s *Shaping) Treat(how Treatment, from ...netip.Addr) error {
	for _, a := range from {
		if !a.Is4() {
			return fmt.Errorf("treating packets from %v: not an IPv4 address", a)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	after := maps.Clone(s.treated)
	for _, a := range from {
		delete(after, a)
		if how != (Treatment{}) {
			after[a] = how
		}
	}
	if len(after) == 0 && len(s.treated) == 0 {
		return nil
	}
	err := s.change(how, from)
	if err != nil && how.Queue && !s.triedQueue {
		// The kernel may lack nftables' own expression and have that of iptables.
		s.noQueueExpr = true
		if other := s.change(how, from); other != nil {
			s.noQueueExpr = false // it was something else
			err = fmt.Errorf("%w (and with the target of iptables: %w)", err, other)
		} else {
			err = nil
		}
	}
	if err != nil {
		return err
	}
	s.triedQueue = s.triedQueue || how.Queue
	s.treated, s.made = after, true
	return nil
}

// Rest removes the table if nothing is treated any more. The kernel loses what is in a queue
// of the namespace then, so that whoever reads it lets it go before.
func (s *Shaping) Rest() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.made || len(s.treated) > 0 {
		return nil
	}
	c, err := nftables.New(nftables.WithNetNSFd(s.nsFD))
	if err != nil {
		return fmt.Errorf("opening netfilter's netlink socket: %w", err)
	}
	c.DelTable(s.table)
	if err := c.Flush(); err != nil {
		return fmt.Errorf("removing nftables rules: %w", err)
	}
	s.made = false
	return nil
}

// change puts the rules of a treatment in place of those that there are; s.mu is held.
func (s *Shaping) change(how Treatment, from []netip.Addr) error {
	c, err := nftables.New(nftables.WithNetNSFd(s.nsFD))
	if err != nil {
		return fmt.Errorf("opening netfilter's netlink socket: %w", err)
	}
	if s.made {
		err = s.forget(c, from)
	} else {
		err = s.makeTable(c)
	}
	if err != nil {
		return err
	}
	if how != (Treatment{}) {
		done := map[netip.Addr]bool{}
		for _, a := range from {
			if !done[a] {
				done[a] = true
				s.addRules(c, a, how)
			}
		}
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("changing nftables rules: %w", err)
	}
	return nil
}

func (s *Shaping) makeTable(c *nftables.Conn) error {
	c.AddTable(s.table)
	c.AddChain(s.chain)
	c.AddChain(s.lost)
	for _, set := range []*nftables.Set{s.bursting, s.rest} {
		if err := c.AddSet(set, nil); err != nil {
			return fmt.Errorf("making an nftables set: %w", err)
		}
	}
	c.AddRule(&nftables.Rule{Table: s.table, Chain: s.lost, Exprs: drop})
	return nil
}

// forget removes the rules of these addresses.
func (s *Shaping) forget(c *nftables.Conn, from []netip.Addr) error {
	gone := map[string]bool{}
	for _, a := range from {
		gone[a.String()] = true
	}
	for _, chain := range []*nftables.Chain{s.chain, s.lost} {
		rules, err := c.GetRules(s.table, chain)
		if err != nil {
			return fmt.Errorf("listing nftables rules: %w", err)
		}
		for _, r := range rules {
			if a, _, _ := strings.Cut(comment(r), " "); !gone[a] {
				continue
			}
			if err := c.DelRule(r); err != nil {
				return fmt.Errorf("removing an nftables rule: %w", err)
			}
		}
	}
	return nil
}

// burstVariants are how long bursts, and the times between them, are beside their average.
var burstVariants = []float64{0.5, 0.8, 1.2, 1.5}

// addRules adds those for what comes from one address, in the order in which it meets them.
func (s *Shaping) addRules(c *nftables.Conn, from netip.Addr, how Treatment) {
	rule := func(chain *nftables.Chain, counts string, then ...[]expr.Any) *nftables.Rule {
		return &nftables.Rule{
			Table: s.table, Chain: chain,
			Exprs:    joined(append([][]expr.Any{match(offsetSource, 4, expr.CmpOpEq, from.AsSlice())}, then...)...),
			UserData: userdata.Append(nil, userdata.TypeComment, append([]byte(from.String()+" "+counts), 0)),
		}
	}
	toLost := []expr.Any{&expr.Verdict{Kind: expr.VerdictGoto, Chain: chainLost}}
	switch {
	case how.Loss > 0 && how.Burst > 0:
		// A burst is an element of a set that the kernel takes out by itself, and so is the
		// time until the next may begin: nobody has to be there for its end.
		for i, v := range burstVariants {
			lasts := time.Duration(v * float64(how.Burst))
			until := time.Duration(burstVariants[(i+2)%len(burstVariants)] * float64(how.Burst) * (1 - how.Loss) / how.Loss)
			then := [][]expr.Any{isIn(s.rest, false)}
			if others := len(burstVariants) - i; others > 1 {
				then = append(then, oneOf(uint32(others), 1))
			}
			then = append(then, putIn(s.bursting, lasts), putIn(s.rest, lasts+until))
			c.AddRule(rule(s.chain, countsNone, then...))
		}
		c.AddRule(rule(s.chain, countsNone, isIn(s.bursting, true), toLost))
	case how.Loss > 0:
		c.AddRule(rule(s.chain, countsNone, share(how.Loss), toLost))
	}
	if how.Loss > 0 {
		c.InsertRule(rule(s.lost, countsLost, countAllButProbes))
	}
	c.AddRule(rule(s.chain, countsPassed, countAllButProbes))
	if how.Duplicate > 0 {
		// The copy comes by way of the loopback interface, and is not copied again.
		c.AddRule(rule(s.chain, countsTwice, notFrom("lo"), match(offsetTOS, 1, expr.CmpOpNeq, []byte{ProbeTOS}),
			share(how.Duplicate), []expr.Any{&expr.Counter{}}, copyToSelf))
	}
	if how.Queue {
		c.AddRule(rule(s.chain, countsNone, s.toQueue()))
	}
}

// NFQ_FLAG_BYPASS of linux/netfilter/xt_NFQUEUE.h: what nobody reads passes.
const nfqFlagBypass = 1

// toQueue hands a packet to the queue: by nftables' own expression, or where the kernel has
// none by the target of iptables (struct xt_NFQ_info_v3).
func (s *Shaping) toQueue() []expr.Any {
	if !s.noQueueExpr {
		return []expr.Any{&expr.Queue{Num: s.queue, Total: 1, Flag: expr.QueueFlagBypass}}
	}
	var info []byte
	for _, n := range []uint16{s.queue, 1, nfqFlagBypass, 0} { // the last is padding
		info = append(info, binaryutil.NativeEndian.PutUint16(n)...)
	}
	u := xt.Unknown(info)
	return []expr.Any{&expr.Target{Name: "NFQUEUE", Rev: 3, Info: &u}}
}

// Treated counts for each address that has a treatment.
func (s *Shaping) Treated() (map[netip.Addr]Treated, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[netip.Addr]Treated{}
	if len(s.treated) == 0 {
		return out, nil
	}
	c, err := nftables.New(nftables.WithNetNSFd(s.nsFD))
	if err != nil {
		return nil, fmt.Errorf("opening netfilter's netlink socket: %w", err)
	}
	for _, chain := range []*nftables.Chain{s.chain, s.lost} {
		rules, err := c.GetRules(s.table, chain)
		if err != nil {
			return nil, fmt.Errorf("reading nftables counters: %w", err)
		}
		for _, r := range rules {
			if err := count(out, r); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// count adds what a rule has counted.
func count(out map[netip.Addr]Treated, r *nftables.Rule) error {
	for _, e := range r.Exprs {
		n, ok := e.(*expr.Counter)
		if !ok {
			continue
		}
		from, what, _ := strings.Cut(comment(r), " ")
		a, err := netip.ParseAddr(from)
		if err != nil {
			return fmt.Errorf("reading nftables counters: %w", err)
		}
		t, d := out[a], cluster.Drops{Packets: n.Packets, Bytes: n.Bytes}
		switch what {
		case countsPassed:
			t.Passed = d
		case countsLost:
			t.Lost = d
		case countsTwice:
			t.Twice = d
		}
		out[a] = t
	}
	return nil
}

// Close removes the table, if it is there, and all treatments.
func (s *Shaping) Close() error {
	s.mu.Lock()
	s.treated = map[netip.Addr]Treatment{}
	s.mu.Unlock()
	return s.Rest()
}

func joined(parts ...[]expr.Any) []expr.Any {
	var out []expr.Any
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// fine is in how many parts a share is drawn.
const fine = 1_000_000

// share goes on with this share of packets, drawn one by one.
func share(part float64) []expr.Any { return oneOf(fine, uint32(part*fine)) }

// oneOf goes on with n of so many packets, drawn one by one.
func oneOf(of, n uint32) []expr.Any {
	return []expr.Any{
		&expr.Numgen{Register: 1, Modulus: of, Type: unix.NFT_NG_RANDOM},
		&expr.Byteorder{SourceRegister: 1, DestRegister: 1, Op: expr.ByteorderHton, Len: 4, Size: 4},
		&expr.Cmp{Op: expr.CmpOpLt, Register: 1, Data: binaryutil.BigEndian.PutUint32(n)},
	}
}

var source = &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offsetSource, Len: 4}

// isIn goes on if the packet's source is in the set, or is not.
func isIn(set *nftables.Set, is bool) []expr.Any {
	return []expr.Any{source, &expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID, Invert: !is}}
}

// putIn puts the packet's source into the set for so long.
func putIn(set *nftables.Set, lasts time.Duration) []expr.Any {
	return []expr.Any{source, &expr.Dynset{
		SrcRegKey: 1, SetName: set.Name, SetID: set.ID, Operation: uint32(unix.NFT_DYNSET_OP_ADD),
		Timeout: max(lasts, time.Millisecond),
	}}
}

// notFrom goes on if the packet came by another interface.
func notFrom(name string) []expr.Any {
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, name)
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: b},
	}
}

// copyToSelf sends a copy to where the packet is meant for, which is here.
var copyToSelf = []expr.Any{
	&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offsetDestination, Len: 4},
	&expr.Dup{RegAddr: 1},
}
