package external

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// look visits the cluster: every node is met, and they are one cluster that can be tested. Nothing
// is made. The caller closes the Driver; on an error nothing is left open.
func (t target) look(ctx context.Context, cfg targets.Config) (Driver, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	stay := Stay{At: t.kind.At, Namespace: t.kind.Namespace.ofRun(cfg.Run), run: cfg.Run, identities: &identities{}}
	if t.kind.Login != nil {
		var err error
		if stay.Accesses, err = t.kind.Login.Accesses(cfg.Options, t.kind.At); err != nil {
			return nil, err
		}
	}
	d, err := t.kind.Visit(stay, cfg)
	if err == nil {
		err = meet(ctx, d)
	}
	if err == nil {
		err = d.stay().distinct()
	}
	if err == nil {
		err = d.Fit(ctx)
	}
	if err != nil && d != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, err
}

// meet meets all nodes at once, and has a line about each. Every one is met to its end, so that what
// is told is what the first of them in order refused, each time the same, and not that of whoever was
// quickest or that another's failure cut it short.
func meet(ctx context.Context, d Driver) error {
	ctx, cancel := context.WithTimeout(ctx, meetTimeout)
	defer cancel()
	s := d.stay()
	lines, refused := make([]string, len(s.At)), make([]error, len(s.At))
	var met sync.WaitGroup
	for i, name := range cluster.NodeNames(len(s.At)) {
		met.Go(func() {
			what, err := d.Meet(ctx, i)
			lines[i], refused[i] = fmt.Sprintf("%s (%s) %s", name, s.At[i], what), s.Explain(i, err)
		})
	}
	met.Wait()
	for _, err := range refused {
		if err != nil {
			return err
		}
	}
	s.Lines = append(s.Lines, lines...)
	return nil
}

// Fetch implements targets.Fetcher: it looks, and makes nothing.
func (t target) Fetch(ctx context.Context, cfg targets.Config) error {
	_, err := t.Present(ctx, cfg)
	return err
}

// Present implements targets.Fetcher: the version of the cluster, the Lines of the Driver
// and a line for each leftover. It looks, and makes nothing.
func (t target) Present(ctx context.Context, cfg targets.Config) (string, error) {
	d, err := t.look(ctx, cfg)
	if err != nil {
		return "", err
	}
	defer func() { _ = d.Close() }() // nothing was made
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	found, err := free(ctx, d)
	if err != nil {
		return "", err
	}
	text := d.Version()
	for _, line := range append(d.stay().Lines, leftovers(d, found)...) {
		text += "; " + line
	}
	return text, nil
}

// leftovers are lines about namespaces of other runs.
func leftovers(d Driver, found map[string]string) []string {
	var lines []string
	own := d.stay().Namespace
	for _, name := range marked(found, own.Name) {
		what, remove := own.of(name)
		lines = append(lines, what+" was made by another run of lapse, which was killed or still runs; it is left alone. To remove it: "+remove)
	}
	return lines
}

// free returns what is there of other runs; it is an error if the run's own namespace is.
func free(ctx context.Context, d Driver) (map[string]string, error) {
	own := d.stay().Namespace
	what, _ := own.of(own.Name)
	found, err := d.Marks(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking for %s: %w", what, err)
	}
	if _, taken := found[own.Name]; taken {
		return nil, takenError(what)
	}
	return found, nil
}
