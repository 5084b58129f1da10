package mysql

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// replicationArgs are those of node i in its present role. Semi-synchronous replication
// is in the arguments, and not only set at run time: a server that starts again without
// it would be asynchronous with no sign of it.
func (s *System) replicationArgs(i int) []string {
	primary := i == s.primaryIndex()
	flag := func(name string, b bool) string {
		if b {
			return "--" + name + "=ON"
		}
		return "--" + name + "=OFF"
	}
	args := []string{
		"--log-bin=" + "binlog", "--log-slave-updates=ON", "--gtid-strict-mode=ON", "--sync-binlog=" + s.set.syncBinlog, "--relay-log=relay",
		fmt.Sprintf("--slave-net-timeout=%d", int(netTimeout.Seconds())), flag("read-only", !primary),
		flag("rpl-semi-sync-master-enabled", primary && s.set.semiSync()), flag("rpl-semi-sync-slave-enabled", !primary && s.set.semiSync()),
		"--rpl-semi-sync-master-timeout=" + strconv.FormatInt(s.set.semiSyncWait.Milliseconds(), 10),
	}
	if s.set.semiSync() {
		args = append(args, "--rpl-semi-sync-master-wait-point="+s.set.write)
	}
	return args
}

// formReplication makes a primary and replicas of servers that run, and waits until a
// write and a read went through every node.
func (s *System) formReplication(ctx context.Context) error {
	if err := s.Await(ctx, "to answer", s.answers); err != nil {
		return err
	}
	if err := s.learnVersion(ctx); err != nil {
		return err
	}
	primary := s.primaryIndex()
	for i := range s.Nodes {
		if i != primary {
			if err := s.follow(ctx, i); err != nil {
				return err
			}
		}
	}
	if s.set.semiSync() {
		// Commits wait only from the first replica on that is seen to receive.
		err := cluster.Await(ctx, "semi-synchronous replication", func(ctx context.Context) error {
			status, err := s.status(ctx, primary, "Rpl_semi_sync_master_clients")
			if err == nil && status != strconv.Itoa(len(s.Nodes)-1) {
				err = fmt.Errorf("%s of %d replicas are there", status, len(s.Nodes)-1)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := s.makeSchema(ctx, primary); err != nil {
		return err
	}
	if err := s.order(ctx, primary, "INSERT INTO "+s.database+".probe VALUES (0, 0)"); err != nil {
		return err
	}
	err := s.Await(ctx, "to show a write of the primary", func(ctx context.Context, i int) error { return s.shows(ctx, i, 0) })
	if err != nil {
		return err
	}
	return s.Await(ctx, "to serve", s.replicatedReady)
}

func (s *System) answers(ctx context.Context, i int) error {
	return s.admin(ctx, i, func(*conn) error { return nil })
}

// learnVersion asks the first node for its version, which an image does not tell.
func (s *System) learnVersion(ctx context.Context) error {
	return s.admin(ctx, 0, func(c *conn) error {
		text, err := c.text(ctx, `SELECT VERSION()`)
		s.version, _, _ = strings.Cut(text, "-")
		return err
	})
}

// status is a status variable of node, empty if there is none.
func (s *System) status(ctx context.Context, node int, name string) (value string, err error) {
	err = s.admin(ctx, node, func(c *conn) error {
		r, err := c.query(ctx, `SHOW GLOBAL STATUS LIKE '`+name+`'`)
		if err == nil && len(r.values) > 0 {
			value = fmt.Sprint(r.values[0][1])
		}
		return err
	})
	return value, err
}

// follow makes a replica of a node that runs, and of one that follows another primary.
func (s *System) follow(ctx context.Context, node int) error {
	host, number, err := s.Way(node, s.primaryIndex(), port)
	if err != nil {
		return err
	}
	err = s.order(ctx, node,
		"STOP SLAVE", "SET GLOBAL read_only = ON", "SET GLOBAL rpl_semi_sync_master_enabled = OFF",
		fmt.Sprintf("SET GLOBAL rpl_semi_sync_slave_enabled = %t", s.set.semiSync()),
		fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='%s', MASTER_PORT=%s, MASTER_USER='%s', MASTER_PASSWORD='%s', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=0.5",
			host, number, replicaUser, s.password))
	if err != nil {
		return err
	}
	// The server writes whom it follows, and does not sync it (sync_master_info counts events). Without it a node that loses its
	// power later would follow nobody, or the primary before.
	if err := cluster.Settle(ctx, s.Nodes[node]); err != nil {
		return err
	}
	return s.order(ctx, node, "START SLAVE")
}

// standing is a node's place in the replication, by its own word.
type standing struct {
	// replica says that it follows a primary, at upstream.
	replica  bool
	upstream string
	// receiving says that it is connected to it, applying that it applies what comes.
	receiving, applying bool
	// ended says that its I/O thread does not run, not even to try; ioError is the number of that thread's last error, 0 if it had none.
	ended   bool
	ioError string
	// idle says that it has applied all that it has received.
	idle bool
	// diverged says that it has what the primary has not, so that it cannot follow.
	diverged bool
	// received and applied are positions; those of a primary are the same.
	received, applied position
}

// position is the sequence number of a GTID; there is one domain.
type position uint64

// parseGTID reads the last number of domain-server-sequence; nothing is 0.
func parseGTID(text string) (position, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text[strings.LastIndexByte(text, '-')+1:], 10, 64)
	if err != nil || strings.Count(text, "-") != 2 {
		return 0, fmt.Errorf("%q is no GTID of one domain", text)
	}
	return position(n), nil
}

// erDivergedMaster is the error of a replica whose primary lacks its position; it
// has other causes, too, after all of which a replica has to be made anew.
const erDivergedMaster = 1236

// standing asks a node.
func (s *System) standing(ctx context.Context, node int) (st standing, err error) {
	err = s.admin(ctx, node, func(c *conn) error {
		st, err = askStanding(ctx, c)
		return err
	})
	return st, err
}

func askStanding(ctx context.Context, c *conn) (standing, error) {
	var st standing
	r, err := c.query(ctx, `SHOW ALL SLAVES STATUS`)
	if err != nil {
		return st, err
	}
	column := "@@gtid_binlog_pos"
	if len(r.values) > 0 {
		column = "@@gtid_slave_pos"
	}
	text, err := c.text(ctx, `SELECT `+column)
	if err != nil {
		return st, err
	}
	if st.applied, err = parseGTID(text); err != nil || len(r.values) == 0 {
		st.received = st.applied
		return st, err
	}
	field := map[string]string{}
	for i, name := range r.columns {
		field[name] = fmt.Sprint(r.values[0][i])
	}
	st.replica, st.upstream = true, net.JoinHostPort(field["Master_Host"], field["Master_Port"])
	st.receiving, st.applying = field["Slave_IO_Running"] == "Yes", field["Slave_SQL_Running"] == "Yes"
	st.ended, st.ioError = field["Slave_IO_Running"] == "No", field["Last_IO_Errno"]
	st.idle = strings.HasPrefix(field["Slave_SQL_Running_State"], "Slave has read all relay log")
	st.diverged = st.ioError == strconv.Itoa(erDivergedMaster) || field["Last_SQL_Errno"] != "0"
	st.received, err = parseGTID(field["Gtid_IO_Pos"])
	st.received = max(st.received, st.applied)
	return st, err
}

// Primary implements ability.Primarier: the node that takes the writes according to the
// failover manager, or the first node without one.
func (s replicated) Primary(context.Context) (string, error) {
	return s.Nodes[s.primaryIndex()].Name(), nil
}

// restartReplicated: a killed replica, or a primary that is still one, goes on with its
// data. A former primary is made a replica anew.
func (s *System) restartReplicated(ctx context.Context, node int) error {
	name := s.Nodes[node].Name()
	start := func(ctx context.Context) error {
		s.roles.Lock()
		defer s.roles.Unlock()
		switch {
		case s.Nodes[node].State() != cluster.Stopped:
			return nil // the failover manager has done it
		case s.rebuild[node]:
			return s.rebuildReplica(ctx, node)
		}
		return s.StartNode(ctx, node)
	}
	var err error
	if s.set.failover { // which may be at it, and make a failure good
		err = cluster.Await(ctx, name+" to be started", start)
	} else {
		err = start(ctx)
	}
	if err != nil || !s.held.Has(node) {
		return err
	}
	return cluster.Await(ctx, name+" to be held back again", func(ctx context.Context) error { return replicated{s}.HoldReplica(ctx, name) })
}

// rebuildReplica makes a stopped node a replica with nothing of its former data: it is
// given an empty server's, and gets everything from the primary, which has its whole
// log. s.roles is held.
func (s *System) rebuildReplica(ctx context.Context, node int) error {
	if err := s.install(ctx, node); err != nil {
		return err
	}
	if err := s.StartNode(ctx, node); err != nil {
		return err
	}
	err := s.WhileRunning(ctx, func(ctx context.Context) error {
		return cluster.Await(ctx, "the new replica to answer", func(ctx context.Context) error { return s.answers(ctx, node) })
	}, node)
	if err == nil {
		err = s.follow(ctx, node)
	}
	if err != nil {
		return errors.Join(err, s.Nodes[node].Kill(ctx))
	}
	delete(s.rebuild, node)
	s.Tell("replica", "%s is a replica of %s again, made anew", s.Nodes[node].Name(), s.Nodes[s.primaryIndex()].Name())
	return nil
}

// replicatedReady: a primary is ready when it writes; a replica when it receives from the
// primary and has applied what was written before the call, unless it is held back.
func (s *System) replicatedReady(ctx context.Context, node int) error {
	primary := s.primaryIndex()
	if node == primary {
		// Not in the log: a commit would wait for replicas that may be cut off.
		return s.order(ctx, node, "SET SESSION sql_log_bin = 0", "REPLACE INTO "+s.database+".probe VALUES (1, 1)")
	}
	goal, err := s.standing(ctx, primary)
	if err != nil {
		return fmt.Errorf("%s follows %s: %w", s.Nodes[node].Name(), s.Nodes[primary].Name(), err)
	}
	held := s.held.Has(node)
	host, number, err := s.Way(node, s.primaryIndex(), port)
	if err != nil {
		return err
	}
	return s.admin(ctx, node, func(c *conn) error {
		for {
			st, err := askStanding(ctx, c)
			switch {
			case err != nil:
				return err
			case !st.replica || st.upstream != net.JoinHostPort(host, number):
				return errors.New("it is no replica of " + s.Nodes[primary].Name())
			case !st.receiving:
				return s.notReceiving(ctx, c, node, &st)
			case held || st.applied >= goal.applied:
				return nil
			case !st.applying:
				return errors.New("it does not apply what it receives")
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("it has applied up to %d of %d", st.applied, goal.applied)
			case <-time.After(stillness):
			}
		}
	})
}

// HoldReplica implements ability.Lagger: the replica goes on receiving, and
// acknowledging, and applies nothing.
func (s replicated) HoldReplica(ctx context.Context, name string) error {
	node, err := s.Index(name)
	if err != nil {
		return err
	}
	if node == s.primaryIndex() {
		return fmt.Errorf("holding %s back: it is the primary", name)
	}
	if err := s.order(ctx, node, "STOP SLAVE SQL_THREAD"); err != nil {
		return fmt.Errorf("holding %s back: %w", name, err)
	}
	s.held.Put(node, true)
	return nil
}

// ReleaseReplica implements ability.Lagger. A node that was promoted meanwhile is
// released already.
func (s replicated) ReleaseReplica(ctx context.Context, name string) error {
	node, err := s.Index(name)
	if err != nil {
		return err
	}
	s.held.Put(node, false)
	if node == s.primaryIndex() {
		return nil
	}
	if err := s.order(ctx, node, "START SLAVE SQL_THREAD"); err != nil {
		return fmt.Errorf("letting %s catch up: %w", name, err)
	}
	return nil
}

// ReplicaHeld implements ability.HoldChecker: the replica itself is asked.
func (s replicated) ReplicaHeld(ctx context.Context, name string) (bool, error) {
	node, err := s.Index(name)
	if err != nil {
		return false, err
	}
	st, err := s.standing(ctx, node)
	return err == nil && st.replica && !st.applying, err
}
