package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/cgroup"
	"github.com/lapse-test/lapse/targets/cluster/owner"
)

// groupPrefix is what the name of each control group of a node begins with.
const groupPrefix = "lapse-"

// groupName is a new name for a control group. It says whose the group is: when both the outer
// process and init are killed, nobody removes it, as a group is all that outlives a sandbox.
func groupName(of string) (string, error) {
	var by string
	if m, inside := readMarker(); inside {
		by = m.owner
	} else {
		self, err := owner.Self()
		if err != nil {
			return "", err
		}
		by = self.String()
	}
	return groupPrefix + of + "-" + rand.Text() + "@" + strings.ReplaceAll(by, "/", ","), nil
}

// ownerOf is whose a control group of this name is.
func ownerOf(name string) (owner.Owner, bool) {
	at := strings.LastIndexByte(name, '@')
	if at < 0 || !strings.HasPrefix(name, groupPrefix) {
		return owner.Owner{}, false
	}
	o, err := owner.Parse(strings.ReplaceAll(name[at+1:], ",", "/"))
	return o, err == nil
}

// Clean implements cluster.Cleaner: it removes control groups of sandboxes whose outer process and
// init were both killed.
func (Provider) Clean(ctx context.Context) ([]cluster.Removed, error) {
	h, err := cgroup.Find()
	if err != nil {
		return nil, nil //nolint:nilerr // then none was made
	}
	me, err := owner.Self()
	if err != nil {
		return nil, err
	}
	var removed []cluster.Removed
	var errs []error
	err = h.Each(func(dir string) error {
		if o, ours := ownerOf(filepath.Base(dir)); !ours || !o.Dead(me) {
			return ctx.Err()
		}
		// The kernel removes none that has a process.
		switch err := os.Remove(dir); {
		case err == nil:
			removed = append(removed, cluster.Removed{Kind: "group", Name: dir})
		case !errors.Is(err, os.ErrNotExist): // it may have gone by itself meanwhile
			errs = append(errs, fmt.Errorf("removing a control group: %w", err))
		}
		return ctx.Err()
	})
	return removed, errors.Join(append(errs, err)...)
}
