package external

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/targets"
)

var _ targets.Joiner = target{}

// NotJoined implements targets.Joiner.
func (t target) NotJoined(targets.Config) string {
	if t.kind.Joins {
		return ""
	}
	return "which this target's external clusters do not take; leave --drivers out"
}

// Join implements targets.Joiner: it looks, and makes nothing. The addresses have to be those of --at: a node has its name by
// its place among them.
func (t target) Join(ctx context.Context, cfg targets.Config, at []string) (targets.Joined, error) {
	if why := t.NotJoined(cfg); why != "" {
		return nil, targets.Usagef("clients in other processes, %s", why)
	}
	if !slices.Equal(at, t.kind.At) {
		return nil, targets.Usagef("the run asks its nodes at %s, and --at is %s here: name the addresses in --at, in one order for all", strings.Join(at, ", "), strings.Join(t.kind.At, ", "))
	}
	d, err := t.look(ctx, cfg)
	if err != nil {
		return nil, err
	}
	joined, ok := d.(targets.Joined)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%T, a kind that joins, does not implement targets.Joined", d), d.Close())
	}
	follow(d)
	return joined, nil
}
