package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/external"
	"github.com/lapse-test/lapse/targets/outcome"
)

var _ targets.Externalizer = Target{}

// login names the variables with the credentials; without a user the password is that of
// default.
var login = external.LoginOf(Name).OrPassword()

// External implements targets.Externalizer: a Redis Cluster, or a primary with its
// replicas. Addresses are host:port, of every node.
func (t Target) External(at []string) (targets.Target, error) {
	return external.At(at, external.Kind{
		Info: external.Info(t.Info(), "Redis or Valkey, an external cluster", compareOption), Port: port,
		Namespace: external.Namespace{
			What: "what is at keys that begin with %s", Most: 64, End: ":",
			Remove: "redis-cli --scan --pattern '%s*' | xargs -n 1 redis-cli -c del (at each primary), and redis-cli -c hdel " + registry + " %s",
		},
		Settings: func(cfg targets.Config) (targets.Config, error) {
			s, err := externalSettings(cfg)
			cfg.WriteLevel = s.writeLevel()
			return cfg, err
		},
		Login: &login, Alive: alive.Alive, Visit: newVisit, Joins: true, Examples: examples,
	})
}

// externalSettings are those of cfg. Whether it is a cluster is seen when it is looked
// at.
func externalSettings(cfg targets.Config) (settings, error) {
	s := settings{nodes: cfg.Nodes, read: cfg.ReadLevel, watch: cfg.Options[optCompare] == compareWatch, timeout: cfg.OpTimeout}
	return s, s.levels(cfg)
}

// alive is the liveness probe: PING is answered before anybody says who they are, if
// only with NOAUTH.
var alive = external.Probe{
	Ask: []byte("PING\r\n"), Answer: 1, Protocol: "Redis'", Encrypts: true,
	Is: func(answer []byte) bool { return answer[0] == '+' || answer[0] == '-' },
}

// visit is an external Redis. A cluster has one database, so that what is ours is known
// by what its keys begin with, and that is noted in one hash that all runs share.
type visit struct {
	external.Stay
	*store
	// said is what each server said of itself, and members what of its cluster.
	said    []map[string]string
	members []member
	// roles follows the primary, which a Sentinel or an operator changes; a cluster says
	// itself who has a slot.
	roles external.Roles
}

var (
	_ external.Driver       = (*visit)(nil)
	_ targets.ReplicaPlacer = (*visit)(nil)
	_ targets.Observer      = (*visit)(nil)
	_ targets.Joined        = (*visit)(nil)
)

// registry is the hash with what runs have made: a field is what a run's keys begin
// with, its value the mark. Redis removes it with its last field.
const registry = "lapse-runs"

func newVisit(stay external.Stay, cfg targets.Config) (external.Driver, error) {
	set, err := externalSettings(cfg)
	if err != nil {
		return nil, err
	}
	n := len(stay.At)
	v := &visit{Stay: stay, store: &store{set: set, keys: keys(stay.Namespace.Name), checks: n > 1}, said: make([]map[string]string, n), members: make([]member, n)}
	v.Cures = cures(v.keys)
	v.roles.Writes, v.roles.Replica = v.takesWrites, "a replica"
	v.roles.Changed = func(primary int) { v.primary.Store(int32(primary)) } //nolint:gosec // few nodes
	for _, a := range stay.Accesses {
		v.add(a)
	}
	v.index = func(n driver.ClusterNode) int {
		return slices.IndexFunc(v.members, func(m member) bool { return m.id == n.ID })
	}
	return v, nil
}

// takesWrites asks a node.
func (v *visit) takesWrites(ctx context.Context, node int) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	info, err := v.admin[node].info(ctx)
	return info["role"] == "master", err
}

// Observe implements targets.Observer.
func (v *visit) Observe(f func(kind, text string)) { v.roles.Observe(f) }

// lookTimeout is for one question to a node.
const lookTimeout = 5 * time.Second

// Meet implements external.Driver.
func (v *visit) Meet(ctx context.Context, i int) (what string, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	client := v.admin[i].client
	text, err := client.Info(ctx).Result()
	if err != nil {
		return "", err
	}
	info := fields(text)
	if info["redis_mode"] == "sentinel" {
		return "", errSentinel
	}
	m := member{addr: v.At[i]}
	v.Identify(i, "run_id", info["run_id"])
	if info["cluster_enabled"] == "1" {
		if m.id, err = client.ClusterMyID(ctx).Result(); err != nil {
			return "", err
		}
		if m.slots, err = client.ClusterSlots(ctx).Result(); err != nil { //nolint:staticcheck // as in slots.go
			return "", err
		}
		v.Identify(i, "node", m.id) // whether it has a run_id or not
	}
	v.members[i] = m
	v.said[i] = info
	v.roles.Met(i, info["role"] != "slave")
	if info["role"] == "slave" {
		return "replica of " + net.JoinHostPort(info["master_host"], info["master_port"]), nil
	}
	return "primary", nil
}

// Fit implements external.Driver.
func (v *visit) Fit(context.Context) error {
	var err error
	if slices.ContainsFunc(v.members, func(m member) bool { return m.id != "" }) {
		err = v.cluster()
	} else {
		err = v.replicated()
	}
	if err != nil {
		return external.Unfit("name every node of one cluster, or one primary and its replicas, in --at", "%w", err)
	}
	return nil
}

// replicated sees whether the nodes are a primary with replicas.
func (v *visit) replicated() error {
	var primaries []string
	for i, info := range v.said {
		if info["role"] != "slave" {
			primaries = append(primaries, v.At[i])
		}
	}
	switch len(primaries) {
	case 0:
		return errors.New("none of the nodes is a primary")
	case 1:
		return v.roles.Find(false)
	}
	return fmt.Errorf("%s and %s are both primaries, and no cluster", primaries[0], primaries[1])
}

// cluster sees whether the nodes are all of one cluster.
func (v *visit) cluster() error {
	v.set.cluster = true
	if err := oneCluster(v.members); err != nil {
		return err
	}
	covered, replicas := 0, len(v.members)
	for _, r := range v.members[0].slots {
		covered += r.End - r.Start + 1
		replicas = min(replicas, len(r.Nodes)-1)
		for _, n := range r.Nodes {
			if v.index(n) < 0 {
				return fmt.Errorf("the node %s of the cluster is none of those named", n.Addr)
			}
		}
	}
	switch {
	case covered != slotCount:
		return fmt.Errorf("%d of %d slots are served", covered, slotCount)
	case v.set.wait > replicas:
		return fmt.Errorf("--write-level %s: there is a primary with %d replicas", v.set.writeLevel(), replicas)
	case v.set.read == readReplica && replicas == 0:
		return fmt.Errorf("--read-level %s: there is a primary without a replica", v.set.read)
	}
	return nil
}

// cures are for what a server says to whoever it does not let in; own is what the run's keys begin with.
func cures(own keys) external.Cures {
	return external.Cures{
		{Match: outcome.Is(errSentinel), Way: "name the servers that it watches, the primary and its replicas, which redis-cli SENTINEL MASTERS and SENTINEL REPLICAS show; a failover is followed"},
		{Match: says("NOAUTH"), Way: "set " + login.Password + " (and " + login.User + ", if the user is not default), or name a file with the password by " + login.PasswordFile},
		{Match: says("WRONGPASS"), Way: "the password or the user is wrong: " + login.See()},
		{Match: says("NOPERM"), Way: "let the user do what a run needs: ACL SETUSER NAME ~" + strings.TrimSuffix(string(own), ":") + "* ~" + registry + " +@all -@dangerous +info +cluster|slots +cluster|info +cluster|myid"},
		{Match: says("ERR"), Way: "see whether it is a Redis that takes passwords as " + login.Password + " has one"},
	}
}

// registered asks whoever has the registry.
func (v *visit) registered(ctx context.Context, args ...any) (any, error) {
	owners, err := v.owners(ctx, registry)
	if err != nil {
		return nil, err
	}
	return v.registeredAt(ctx, owners, args...)
}

// registeredAt asks the first of those who have the registry.
func (v *visit) registeredAt(ctx context.Context, owners []int, args ...any) (any, error) {
	if len(owners) == 0 {
		return nil, errUnserved
	}
	reply, err := v.admin[owners[0]].client.Do(ctx, slices.Insert(args, 1, any(registry))...).Result()
	return reply, v.Explain(owners[0], err)
}

// Marks implements external.Driver.
func (v *visit) Marks(ctx context.Context) (map[string]string, error) {
	reply, err := v.registered(ctx, "HGETALL")
	marks := map[string]string{}
	all, _ := reply.([]any)
	for i := 0; i+1 < len(all); i += 2 {
		marks[fmt.Sprint(all[i])] = fmt.Sprint(all[i+1])
	}
	return marks, err
}

// Make implements external.Driver.
func (v *visit) Make(ctx context.Context) error {
	reply, err := v.registered(ctx, "HSETNX", v.Namespace.Name, v.Mark())
	return external.Unmade(err == nil && reply == int64(0), errorTable.Undone(err), err)
}

// Follow follows the primary. A cluster says itself who has a slot.
func (v *visit) Follow() {
	if !v.set.cluster {
		v.roles.Follow()
	}
}

// Shows implements targets.Joined: the run stands in the registry. Replicas of a primary have that themselves; of a cluster,
// all of whose nodes Fit has seen to be of it, it is asked of whoever has the slot by the node's own word. No third node is
// asked, which may be the one that is cut off.
func (v *visit) Shows(ctx context.Context, node int) error {
	ctx, cancel := context.WithTimeout(ctx, max(v.set.timeout, time.Second))
	defer cancel()
	var there bool
	var err error
	if v.set.cluster {
		var m slotMap
		if m, err = v.admin[node].slots(ctx, v.index); err == nil {
			var reply any
			reply, err = v.registeredAt(ctx, m.owners(slotOf(registry)), "HEXISTS", v.Namespace.Name)
			there = reply == int64(1)
		}
	} else {
		there, err = v.admin[node].client.HExists(ctx, registry, v.Namespace.Name).Result()
	}
	if err == nil && !there {
		return targets.ErrElsewhere
	}
	return v.Explain(node, err)
}

// Serves implements external.Driver.
func (v *visit) Serves(ctx context.Context, node int) error {
	return v.Explain(node, v.serves(ctx, node))
}

// scanCount is the number of keys that a primary looks at in one step.
const scanCount = 1000

// Drop implements external.Driver: every primary is searched for our keys, whatever others
// answer. The nodes of one primary have what it has, so that one which is gone for good keeps
// nothing back.
func (v *visit) Drop(ctx context.Context) error {
	var errs []error
	for i := range v.admin {
		if v.set.cluster || int32(i) == v.primary.Load() { //nolint:gosec // few nodes
			errs = append(errs, v.dropAt(ctx, i))
		}
	}
	_, err := v.registered(ctx, "HDEL", v.Namespace.Name)
	return errors.Join(append(errs, err)...)
}

// dropAt removes our keys at a node that is a primary.
func (v *visit) dropAt(ctx context.Context, i int) error {
	l := v.admin[i]
	info, err := l.info(ctx)
	if err != nil || info["role"] == "slave" {
		return err
	}
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		var found []string
		if found, cursor, err = l.client.Scan(ctx, cursor, string(v.keys)+"*", scanCount).Result(); err != nil {
			return fmt.Errorf("looking for keys at %s: %w", v.nodes[i].Addr, err)
		}
		for _, key := range found { // one by one: several can be in several slots
			if err := l.client.Del(ctx, key).Err(); err != nil {
				return fmt.Errorf("removing a key at %s: %w", v.nodes[i].Addr, err)
			}
		}
	}
	return nil
}

// Close implements external.Driver.
func (v *visit) Close() error {
	err := v.roles.Close()
	v.close()
	return err
}

// Open implements targets.System.
func (v *visit) Open(_ context.Context, session targets.Session) (targets.Client, error) {
	return newClient(v.store, session), nil
}

// Version implements targets.System.
func (v *visit) Version() string {
	last := v.said[len(v.said)-1]
	version := "Redis " + last["redis_version"]
	if last["valkey_version"] != "" {
		version = "Valkey " + last["valkey_version"]
	}
	if v.set.cluster {
		return version + ", an external cluster"
	}
	return version + ", an external primary with replicas"
}

// Replicas implements targets.ReplicaPlacer.
func (v *visit) Replicas(ctx context.Context, key history.Key) ([]string, error) {
	owners, err := v.replicas(ctx, key)
	return v.Names(owners), err
}
