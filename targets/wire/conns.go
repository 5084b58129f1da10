package wire

import "fmt"

// Conns are the connections of one session, one with each node that it asked. A client
// embeds it and so has a Close. Different nodes may be asked for (To, At, Drop) by different
// goroutines at once; one node is for one goroutine at a time, and so is Close.
type Conns[C comparable] struct {
	open []C
	end  func(C)
}

// NewConns is for a session with so many nodes that has asked none of them; end closes a
// connection.
func NewConns[C comparable](nodes int, end func(C)) *Conns[C] {
	return &Conns[C]{open: make([]C, nodes), end: end}
}

// Nodes is how many nodes there are.
func (c *Conns[C]) Nodes() int { return len(c.open) }

// To is the session's connection with a node, which connect makes when the node is first
// asked. One that was lost is not made again: whoever comes back is another session.
func (c *Conns[C]) To(node int, connect func() (C, error)) (C, error) {
	var none C
	if node < 0 || node >= len(c.open) {
		return none, fmt.Errorf("no node with index %d: there are %d", node, len(c.open))
	}
	if c.open[node] == none {
		made, err := connect()
		if err != nil {
			return none, err
		}
		c.open[node] = made
	}
	return c.open[node], nil
}

// At is the connection with a node, the zero C where there is none.
func (c *Conns[C]) At(node int) C { return c.open[node] }

// Drop closes the connection with a node, if there is one; To makes another.
func (c *Conns[C]) Drop(node int) {
	var none C
	if c.open[node] != none {
		c.end(c.open[node])
		c.open[node] = none
	}
}

// Close implements targets.Client: it ends all connections, and may be called again.
func (c *Conns[C]) Close() error {
	for i := range c.open {
		c.Drop(i)
	}
	return nil
}
