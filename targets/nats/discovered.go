package nats

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// greeted is what a server says of itself to whoever connects, before anybody has said who they are.
type greeted struct {
	ID   string   `json:"server_id"`
	Name string   `json:"server_name"`
	URLs []string `json:"connect_urls"`
}

const (
	greetTimeout = 2 * time.Second
	// greetMost bounds a greeting, and strangersMost the servers that are asked.
	greetMost     = 64 << 10
	strangersMost = 16
)

// greet reads the greeting of whoever is at addr.
func greet(ctx context.Context, addr string) (said greeted, err error) {
	ctx, cancel := context.WithTimeout(ctx, greetTimeout)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return said, err
	}
	defer func() { _ = c.Close() }() // it was only read
	deadline, _ := ctx.Deadline()
	if err := c.SetReadDeadline(deadline); err != nil {
		return said, err
	}
	line, err := bufio.NewReader(io.LimitReader(c, greetMost)).ReadString('\n')
	if err != nil {
		return said, err
	}
	err = said.read(line)
	return said, err
}

// read reads the line with which a server greets.
func (g *greeted) read(line string) error {
	text, ok := strings.CutPrefix(line, greeting)
	if !ok {
		return errors.New("it is no NATS server")
	}
	return json.Unmarshal([]byte(text), g)
}

// strangers is a line about the servers of the cluster that --at does not name; empty if there are none, or none tells (no_advertise).
// They may have replicas and the leader, and neither clients nor faults come to them.
func (v *visit) strangers(ctx context.Context) string {
	var addrs []string
	for _, at := range v.At {
		said, err := greet(ctx, at)
		if err != nil {
			continue // it was asked already, in another way, and answered
		}
		for _, url := range said.URLs {
			if !slices.Contains(v.At, url) && !slices.Contains(addrs, url) {
				addrs = append(addrs, url)
			}
		}
	}
	slices.Sort(addrs)
	more := max(0, len(addrs)-strangersMost)
	addrs = addrs[:len(addrs)-more]
	met, silent := make([]string, len(addrs)), make([]string, len(addrs))
	var asked sync.WaitGroup
	for i, addr := range addrs {
		asked.Go(func() { met[i], silent[i] = v.stranger(ctx, addr) })
	}
	asked.Wait()
	met, silent = onceEach(met), onceEach(silent) // a server has an address for each of its interfaces
	if more > 0 {
		silent = append(silent, fmt.Sprintf("%d more addresses, which were not asked", more))
	}
	const way = ", and get neither clients nor faults; name them too"
	switch {
	case len(met) > 0 && len(silent) > 0:
		return "NOT TAKING PART: the cluster has servers that --at does not name: " + strings.Join(met, ", ") +
			", and perhaps those at " + strings.Join(silent, ", ") + ". They may have the leader and replicas of the bucket" + way
	case len(met) > 0:
		return "NOT TAKING PART: the cluster has servers that --at does not name: " + strings.Join(met, ", ") + ". They may have the leader and replicas of the bucket" + way
	case len(silent) > 0: // inside a container or behind a gateway, a server that is named tells of addresses of its own that are of no use outside
		return "PERHAPS NOT TAKING PART: the servers tell of " + strings.Join(silent, ", ") +
			". If these are not other addresses of servers that --at names, they may have the leader and replicas of the bucket" + way
	}
	return ""
}

// onceEach are the names that are not empty, each once, in order.
func onceEach(names []string) []string {
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" })
}

// stranger is who is at an address that another server gave, or that nobody who could say so answers there: it may be one that --at names by another address. Both are empty
// for one that --at names.
func (v *visit) stranger(ctx context.Context, addr string) (name, silent string) {
	said, err := greet(ctx, addr)
	switch {
	case err != nil:
		return "", strconv.Quote(addr) + " (which does not answer here)"
	case slices.ContainsFunc(v.servers, func(s server) bool { return s.id == said.ID }):
		return "", ""
	}
	return strconv.Quote(said.Name), ""
}
