package postgres

import (
	"maps"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets"
)

func TestPromises(t *testing.T) {
	for _, c := range []struct {
		name        string
		write, read string
		options     map[string]string
		want        map[string]bool
	}{
		{"primary alone", "on", "primary", nil, map[string]bool{"linearizable": true, "no-lost-writes": true, "read-committed": true, "snapshot-isolation": false, "repeatable-read": false}},
		{"not flushed", "off", "primary", nil, lost()},
		{"snapshots", "on", "primary", map[string]string{"isolation": "repeatable read"}, map[string]bool{"linearizable": true, "no-lost-writes": true, "snapshot-isolation": true, "repeatable-read": false}},
		{"serializable", "on", "primary", map[string]string{"isolation": "serializable"}, map[string]bool{"linearizable": true, "no-lost-writes": true, "serializable": true}},
		{"asynchronous replica", "local", "replica", nil, old(map[string]bool{"read-your-writes": false, "no-lost-writes": true})},
		{"applied on some", "remote_apply", "replica", map[string]string{"sync": "any:1"}, old(map[string]bool{"read-your-writes": false, "no-lost-writes": true})},
		{"applied on all", "remote_apply", "replica", map[string]string{"sync": "any:2"}, map[string]bool{"linearizable": false, "list": false, "set-linearizable": false, "regular": true, "read-your-writes": true, "no-lost-writes": true, "snapshot-isolation": false, "repeatable-read": false}},
		{"waits for its own", "local", "wait-for-lsn", nil, old(map[string]bool{"read-your-writes": true, "no-lost-writes": true})},
		{"sticks for a while", "local", "sticky", nil, back(old(map[string]bool{"no-lost-writes": true}))},
		{"asynchronous failover", "on", "primary", map[string]string{"failover": "on"}, lost()},
		{"synchronous failover", "remote_apply", "primary", map[string]string{"failover": "on", "sync": "any:1"}, map[string]bool{"snapshot-isolation": false, "repeatable-read": false}},
		{"synchronous failover, at a replica", "on", "replica", map[string]string{"failover": "on", "sync": "any:1"}, back(old(map[string]bool{"read-your-writes": false}))},
		{"synchronous failover, at a replica that waits", "on", "wait-for-lsn", map[string]string{"failover": "on", "sync": "any:1"}, back(old(nil))},
		{"synchronous failover, applied on all", "remote_apply", "replica", map[string]string{"failover": "on", "sync": "any:2"}, map[string]bool{"linearizable": false, "list": false, "set-linearizable": false, "monotonic-reads": false, "writes-follow-reads": false, "snapshot-isolation": false, "repeatable-read": false}},
		{"Patroni", "on", "primary", map[string]string{"failover": "patroni"}, lost()},
		{"synchronous Patroni", "on", "primary", map[string]string{"failover": "patroni", "synchronous_mode": "on"}, back(old(map[string]bool{"read-your-writes": false, "no-lost-writes": true}))},
		{"synchronous Patroni, not waited for", "local", "primary", map[string]string{"failover": "patroni", "synchronous_mode": "on"}, lost()},
		{"several leaders", "on", "any", map[string]string{"topology": "multi-leader"}, lostAnd("sequential", "eventual")},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := targets.Config{Nodes: 3, WriteLevel: c.write, ReadLevel: c.read, Options: c.options}
			if got := (Target{}).Promises(cfg, nil); !maps.Equal(got, c.want) {
				t.Errorf("it promises %v, want %v", got, c.want)
			}
		})
	}
}

// TestPromisesOverRestarts: a standby that comes back shows less than before, unless the session waits for what it wrote.
func TestPromisesOverRestarts(t *testing.T) {
	for _, c := range []struct {
		name, read  string
		write, sync string
		want        map[string]bool
	}{
		{"the primary", "primary", "on", "", map[string]bool{"linearizable": true, "no-lost-writes": true}},
		{"applied on all", "replica", "remote_apply", "any:2", back(old(map[string]bool{"read-your-writes": false, "no-lost-writes": true}))},
		{"applied on all, any node", "any", "remote_apply", "any:2", back(old(map[string]bool{"read-your-writes": false, "no-lost-writes": true}))},
		{"a standby that stays", "replica", "on", "", back(old(map[string]bool{"read-your-writes": false, "no-lost-writes": true}))},
		{"waits for its own", "wait-for-lsn", "on", "", back(old(map[string]bool{"read-your-writes": true, "no-lost-writes": true}))},
	} {
		cfg := targets.Config{Nodes: 3, WriteLevel: c.write, ReadLevel: c.read, Restarts: true, Options: map[string]string{}}
		if c.sync != "" {
			cfg.Options["sync"] = c.sync
		}
		c.want["snapshot-isolation"], c.want["repeatable-read"] = false, false
		if c.read == "primary" {
			c.want["read-committed"] = true
		}
		if got := (Target{}).Promises(cfg, nil); !maps.Equal(got, c.want) {
			t.Errorf("%s: it promises %v, want %v", c.name, got, c.want)
		}
	}
}

// TestPromisesToRoamers: a session that stays goes by its standby's one order, one that roams
// goes back in time.
func TestPromisesToRoamers(t *testing.T) {
	for _, c := range []struct {
		read          string
		stays, roamed bool // whether something is said of monotonic reads
	}{
		{"primary", false, false}, {"replica", false, true}, {"any", false, true}, {"wait-for-lsn", false, true}, {"sticky", true, true}, {"max-lag", true, true},
	} {
		for roams, want := range map[bool]bool{false: c.stays, true: c.roamed} {
			cfg := targets.Config{Nodes: 3, WriteLevel: "local", ReadLevel: c.read, Roams: roams}
			if promised, said := (Target{}).Promises(cfg, nil)["monotonic-reads"]; promised || said != want {
				t.Errorf("%s, roams %t: monotonic-reads is promised: %t (said: %t), want said: %t", c.read, roams, promised, said, want)
			}
		}
	}
}

// lost is what is promised where acknowledged writes may be lost.
func lost() map[string]bool { return lostAnd() }

// lostAnd is lost, and not these either.
func lostAnd(more ...string) map[string]bool {
	out := targets.Promised{}
	out.LoseWrites()
	out.Set(false, more...)
	return out
}

// old adds to promised what is promised at read committed of reads that may be old.
func old(promised targets.Promised) targets.Promised {
	if promised == nil {
		promised = targets.Promised{}
	}
	promised.ReadOld()
	promised.Set(false, "snapshot-isolation", "repeatable-read")
	return promised
}

// back adds to promised what sessions are promised that may go back in time.
func back(promised targets.Promised) targets.Promised {
	promised.ReadBack()
	return promised
}

// TestPromisesWithoutPower: of the same settings, what a power failure takes and a kill does
// not.
func TestPromisesWithoutPower(t *testing.T) {
	primary := map[string]bool{"linearizable": true, "no-lost-writes": true, "read-committed": true, "snapshot-isolation": false, "repeatable-read": false}
	patroni := back(old(map[string]bool{"read-your-writes": false, "no-lost-writes": true}))
	for _, c := range []struct {
		name, write  string
		options      map[string]string
		kill, outage map[string]bool
	}{
		{"synced", "on", nil, primary, primary},
		{"not synced", "on", map[string]string{optFsync: "off"}, primary, lost()},
		{"torn pages", "on", map[string]string{optFullPages: "off"}, primary, lost()},
		{"a standby that has it", "on", map[string]string{"failover": "patroni", "synchronous_mode": "on"}, patroni, patroni},
		{"a standby that has it in memory", "remote_write", map[string]string{"failover": "patroni", "synchronous_mode": "on"}, patroni, lost()},
	} {
		for power, want := range map[bool]map[string]bool{false: c.kill, true: c.outage} {
			cfg := targets.Config{Nodes: 3, WriteLevel: c.write, ReadLevel: "primary", Options: c.options, PowerFailures: power}
			if got := (Target{}).Promises(cfg, nil); !maps.Equal(got, want) {
				t.Errorf("%s, power failures %t: it promises %v, want %v", c.name, power, got, want)
			}
		}
	}
}

// TestDurabilityIsAsAskedFor: what the servers are told is what was asked for, PostgreSQL's own
// defaults unless it was something else; what cannot be asked for is refused.
func TestDurabilityIsAsAskedFor(t *testing.T) {
	for _, c := range []struct {
		options      map[string]string
		fsync, pages string
	}{
		{nil, "on", "on"},
		{map[string]string{optFsync: "off"}, "off", "on"},
		{map[string]string{optFullPages: "off"}, "on", "off"},
	} {
		s, err := parse(targets.Config{Options: c.options})
		if err != nil {
			t.Fatal(err)
		}
		text := string(render(s.fixedSettings(software{major: 18})))
		for _, line := range []string{"\nfsync = '" + c.fsync + "'\n", "\nfull_page_writes = '" + c.pages + "'\n"} {
			if strings.Count(text, line) != 1 {
				t.Errorf("with %v the configuration lacks %q", c.options, line)
			}
		}
	}
	for _, option := range []string{optFsync, optFullPages} {
		if _, err := parse(targets.Config{Options: map[string]string{option: "maybe"}}); err == nil || !strings.Contains(err.Error(), "--set "+option+"=maybe") {
			t.Errorf("%s=maybe: %v", option, err)
		}
	}
}
