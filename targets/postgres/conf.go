package postgres

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// The database users. Clients are no superusers, so that they cannot take the
// connections that are kept for the failover manager.
const (
	superuser  = "postgres"
	clientUser = "lapse"
	database   = "postgres"
)

// maxConnections is large because a client that gave up waiting for standbys
// leaves a server process that waits on.
const maxConnections = 500

// dataDir returns the directory of a node's data.
func dataDir(n cluster.Node) string { return filepath.Join(n.Dir(), "data") }

// setting is one line of postgresql.conf.
type setting struct{ name, value string }

func quote(value string) string { return "'" + strings.ReplaceAll(value, "'", "''") + "'" }

func render(list []setting) []byte {
	var b bytes.Buffer
	for _, s := range list {
		fmt.Fprintf(&b, "%s = %s\n", s.name, quote(s.value))
	}
	return b.Bytes()
}

// fixedSettings are the same on every node and for the whole run. They keep what
// is promised (fsync and full_page_writes are as asked for, the levels as installed) and
// change sizes, and the times after which a lost connection is noticed.
func (s settings) fixedSettings(sw software) []setting {
	list := []setting{
		{"max_connections", strconv.Itoa(maxConnections)},
		{"superuser_reserved_connections", "10"},
		{"shared_buffers", "32MB"},
		{"dynamic_shared_memory_type", "mmap"}, // in the data directory, where it vanishes
		{"unix_socket_directories", ""},
		{optFsync, s.fsync},
		{optFullPages, s.fullPages},
		{"wal_level", "replica"},
		{"hot_standby", "on"},
		{"max_wal_senders", "20"},
		{"max_replication_slots", "10"},
		{"wal_keep_size", "256MB"}, // a standby that was cut off finds what it missed
		{"min_wal_size", "32MB"},
		{"max_wal_size", "128MB"},
		{"max_logical_replication_workers", "0"},
		{"max_parallel_workers", "0"},
		{"max_parallel_workers_per_gather", "0"},
		{"jit", "off"},
		{"autovacuum_max_workers", "1"},
		{"deadlock_timeout", "200ms"},
		{"wal_sender_timeout", "2s"},
		{"wal_receiver_timeout", "2s"},
		{"wal_receiver_status_interval", "1s"},
		{"wal_retrieve_retry_interval", "100ms"},
		{"tcp_keepalives_idle", "5"},
		{"tcp_keepalives_interval", "1"},
		{"tcp_keepalives_count", "3"},
		{"client_connection_check_interval", "1s"}, // a vanished client holds no place in a lock's queue
		{"ssl", "off"},
		{"password_encryption", "scram-sha-256"},
		{"log_min_messages", "warning"},
		{"log_checkpoints", "off"},
		{"log_line_prefix", "%m [%p] %q%a "},
		{"logging_collector", "off"},
		{"lc_messages", "C"},
		{"timezone", "UTC"},
		{"log_timezone", "UTC"},
	}
	if sw.major >= 18 {
		list = append(list, setting{"io_method", "sync"}) // no worker processes
	}
	return list
}

// nodeSettings are the settings of one node: where it listens, which standbys it
// waits for once it is the primary, and whom it follows while it is not.
func (s *System) nodeSettings(node, primary int) ([]setting, error) {
	name := s.Nodes[node].Name()
	host, number, err := s.Listen(node, port)
	if err != nil {
		return nil, err
	}
	var others []string
	for i, n := range s.Nodes {
		if i != node {
			others = append(others, n.Name())
		}
	}
	list := []setting{
		{"listen_addresses", host},
		{"port", number},
		{"cluster_name", name},
		{"synchronous_standby_names", s.set.sync.names(others)},
		{"recovery_min_apply_delay", strconv.FormatInt(s.applyDelay().Milliseconds(), 10) + "ms"},
	}
	if node != primary {
		conninfo, err := s.conninfo(node, primary)
		if err != nil {
			return nil, err
		}
		list = append(list, setting{"primary_conninfo", conninfo})
	}
	return list, nil
}

// conninfo returns the connection string by which standby reaches primary.
func (s *System) conninfo(standby, primary int) (string, error) {
	host, number, err := s.Way(standby, primary, port)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("host=%s port=%s user=%s application_name=%s sslmode=disable gssencmode=disable connect_timeout=2 keepalives_idle=5 keepalives_interval=1 keepalives_count=3 tcp_user_timeout=3000",
		host, number, superuser, s.Nodes[standby].Name())
	if s.password != "" {
		// The password itself would be in the log: PostgreSQL writes there what a
		// changed primary_conninfo is.
		text += " passfile='" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(passfile(s.Nodes[standby])) + "'"
	}
	return text, nil
}

// passfile returns the path of the file in which a standby's server finds the password of the primary's.
func passfile(n cluster.Node) string { return filepath.Join(n.Dir(), "passfile") }

// writePassfile writes it, where a password is asked for.
func (s *System) writePassfile(n cluster.Node) error {
	if s.password == "" {
		return nil
	}
	if err := writeFile(passfile(n), []byte("*:*:*:*:"+s.password+"\n"), 0o600); err != nil {
		return fmt.Errorf("configuring %s: %w", n.Name(), err)
	}
	return s.own(n, passfile(n))
}

// configure writes a node's configuration as a follower of primary, or as the
// primary itself. A running server takes it up when it gets SIGHUP.
func (s *System) configure(node, primary int) error {
	own, err := s.nodeSettings(node, primary)
	if err != nil {
		return err
	}
	if err := s.writePassfile(s.Nodes[node]); err != nil {
		return err
	}
	dir := dataDir(s.Nodes[node])
	text := append(render(s.set.fixedSettings(s.software)), render(own)...)
	if s.set.multiLeader {
		text = append(text, render(leaderSettings())...)
	}
	if err := writeFile(filepath.Join(dir, "postgresql.conf"), text, 0o600); err != nil {
		return fmt.Errorf("configuring %s: %w", s.Nodes[node].Name(), err)
	}
	if err := writeFile(filepath.Join(dir, "pg_hba.conf"), s.hostRules(), 0o600); err != nil {
		return fmt.Errorf("configuring %s: %w", s.Nodes[node].Name(), err)
	}
	signal := filepath.Join(dir, "standby.signal")
	if node == primary {
		err = os.Remove(signal)
		if os.IsNotExist(err) {
			err = nil
		}
	} else {
		err = os.WriteFile(signal, nil, 0o600)
	}
	if err != nil {
		return fmt.Errorf("configuring %s: %w", s.Nodes[node].Name(), err)
	}
	return nil
}

// hostRules is pg_hba.conf. Where only the run can reach the nodes no password is
// asked for.
func (s *System) hostRules() []byte {
	method := "trust"
	if s.password != "" {
		method = "scram-sha-256"
	}
	var b bytes.Buffer
	for _, db := range []string{"all", "replication"} {
		for _, net := range []string{"0.0.0.0/0", "::/0"} {
			fmt.Fprintf(&b, "host %s all %s %s\n", db, net, method)
		}
	}
	return b.Bytes()
}

// applyDelay returns the delay with which standbys replay. While the database is being made ready
// there is no delay.
func (s *System) applyDelay() time.Duration {
	if !s.delayed.Load() {
		return 0
	}
	return s.set.applyDelay
}
