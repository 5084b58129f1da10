package quorumkv

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/targets"
)

// maxRangeReads bounds the keys that a read asks for: the store gives them in one page.
const maxRangeReads = 100

func rangeReadsOption() targets.Option {
	return targets.Option{Name: optRangeReads, Default: "0", Help: "keys of a page: a read asks for the range of so many keys, in the order of their numbers, that has its key; needs " + optKeyDigits + ". 0 reads the key alone"}
}

// resolveRangeReads checks the setting. Keys are how many the run may have, 0 if that is not known: the names of all of them, and of the first behind the last page,
// must have as many digits.
func resolveRangeReads(opts map[string]string, keys int64) error {
	n, err := strconv.Atoi(opts[optRangeReads])
	if err != nil || n < 0 || n > maxRangeReads {
		return targets.Usagef("--set %s=%s: must be a number from 0 to %d", optRangeReads, opts[optRangeReads], maxRangeReads)
	}
	if n > 0 && opts[optKeyDigits] == "0" {
		return targets.Usagef("--set %s=%d: needs the keys in the order of their numbers; add for example --set %s=6", optRangeReads, n, optKeyDigits)
	}
	digits, err := strconv.Atoi(opts[optKeyDigits])
	if err != nil {
		return targets.Usagef("--set %s=%s: must be a number", optKeyDigits, opts[optKeyDigits])
	}
	if needed := len(strconv.FormatInt(keys+int64(n), 10)); n > 0 && digits < needed {
		return targets.Usagef("--set %s=%d: too few for pages of %d keys (%s), of which the run may have up to %d: the names of all must have as many digits; give %d", optKeyDigits, digits, n, optRangeReads, keys, needed)
	}
	return nil
}

// rangeReads is how many keys a read asks for in a resolved configuration, 0 for one by its name. Other modes than leaderless have no such setting.
func rangeReads(resolved map[string]string) int {
	n, err := strconv.Atoi(resolved[optRangeReads])
	if err != nil {
		return 0
	}
	return n
}

// pages are what ranges of keys cost.
type pages struct {
	mu          sync.Mutex
	read, asked int
}

func (p *pages) note(asked int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read++
	p.asked += asked
}

// Measures implements targets.Measurer: what ranges of keys cost.
func (s *System) Measures(context.Context) []history.Measure {
	p := &s.pages
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.read == 0 {
		return nil
	}
	each := float64(p.asked) / float64(p.read)
	return []history.Measure{{Name: history.MeasureRangeNodes, Value: each,
		Text: fmt.Sprintf("%s of up to %s %s read, from %.2f of %d nodes each", count.Of(p.read, "page"), count.Of(rangeReads(s.cfg.Options), "key"), count.Were(p.read), each, len(s.nodes))}}
}

// bounds are the names of the first key of the range of n keys that has k, and of the first key behind it.
func (s *System) bounds(k history.Key, n int) (from, to string, err error) {
	k = s.cfg.Tenants.Local(k)
	first := k - k%history.Key(n)
	from, to = keyName(first, s.cfg.Options), keyName(first+history.Key(n), s.cfg.Options)
	if len(from) != len(to) {
		return "", "", fmt.Errorf("%s=%s are too few digits for the keys behind %s to be in order", optKeyDigits, s.cfg.Options[optKeyDigits], from)
	}
	return s.prefix + from, s.prefix + to, nil
}

// readRange reads a key by the range that it is in, page by page.
func (c *session) readRange(ctx context.Context, k history.Key, conn *client.Client, name string, txn *history.Txn) (note string, err error) {
	from, to, err := c.system.bounds(k, c.rangeReads)
	if err != nil {
		return "", err
	}
	var found *protocol.Value
	for after := ""; ; {
		page, err := conn.Range(ctx, from, to, after, c.rangeReads, c.level())
		if err != nil {
			return "", err
		}
		c.system.pages.note(len(page.Asked))
		note = "a range, answered by " + strings.Join(page.Answered, " ")
		for i := range page.Keys {
			if page.Keys[i].Key == name {
				found = &page.Keys[i]
			}
		}
		if after = page.After; after == "" {
			break
		}
	}
	txn.SetRead(0, history.Absent) // only now: a read that fails at any page has read nothing
	if found != nil {
		txn.SetRead(0, c.value(found))
		txn.SetVersion(0, found.Version.Int64())
	}
	return note, nil
}
