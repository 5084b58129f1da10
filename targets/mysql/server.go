package mysql

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/targets/cluster"
)

const logName = "mariadb.log"

// program returns the command of a server's program on a node: by its path, or in a container
// by its name.
func (s *System) program(name string) string {
	if s.image != "" {
		return name
	}
	return s.programs[name]
}

// serverIDs is the distance between the ids of a node's servers, from one data directory to
// the next: a server that is made anew must not have the id of its predecessor, because
// replicas pass over what has their own.
const serverIDs = 10

func dataDir(n cluster.Node) string { return filepath.Join(n.Dir(), "data") }

// shared returns the options on which the server and the program that makes its data directory agree.
func shared(n cluster.Node) []string {
	return []string{
		"--no-defaults", "--datadir=" + dataDir(n), "--tmpdir=" + filepath.Join(n.Dir(), "tmp"), "--innodb-log-file-size=16M", "--innodb-buffer-pool-size=32M",
		"--performance-schema=OFF", "--skip-name-resolve", "--innodb-buffer-pool-dump-at-shutdown=OFF",
	}
}

// usersSQL makes the users, a statement a line as mariadb-install-db reads it.
func (s *System) usersSQL() string {
	return strings.Join([]string{
		"FLUSH PRIVILEGES;",
		fmt.Sprintf("CREATE USER '%s'@'%%' IDENTIFIED BY '%s';", adminUser, s.password),
		fmt.Sprintf("GRANT ALL ON *.* TO '%s'@'%%' WITH GRANT OPTION;", adminUser),
		fmt.Sprintf("CREATE USER '%s'@'%%' IDENTIFIED BY '%s';", replicaUser, s.password),
		fmt.Sprintf("GRANT REPLICATION SLAVE ON *.* TO '%s'@'%%';", replicaUser),
		fmt.Sprintf("CREATE USER '%s'@'%%' IDENTIFIED BY '%s';", clientUser, s.password),
		fmt.Sprintf("GRANT ALL ON `%s`.* TO '%s'@'%%';", s.database, clientUser),
	}, "\n")
}

// installScript makes a data directory anew. The users are handed over in a file that
// only the server's user reads. It syncs nothing, which takes long: a disk that can lose its
// power is told.
const installScript = `set -e
umask 077
rm -rf data tmp
mkdir data tmp
printf '%s\n' "$USERS" > users.sql
trap 'rm -f users.sql' EXIT
"$@" --extra-file="$PWD/users.sql" --auth-root-authentication-method=normal --skip-test-db \
  --innodb-flush-method=nosync --innodb-flush-log-at-trx-commit=0
`

// install makes the data directory of node i anew, as the server's own user; s.roles is
// held, or nobody else is there yet.
func (s *System) install(ctx context.Context, i int) error {
	n := s.Nodes[i]
	s.made[i]++
	out, err := n.Exec(ctx, cluster.Command{
		Path: "/bin/sh", Args: append([]string{"-c", installScript, "install", s.program("mariadb-install-db")}, shared(n)...), NotRoot: true,
		Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + n.Dir(), "LANG=C.UTF-8", "USERS=" + s.usersSQL()},
	})
	if err != nil {
		return fmt.Errorf("making a data directory on %s: %w: %s", n.Name(), err, complaint(string(out)))
	}
	return cluster.Settle(ctx, n)
}

// complaint is the first line that tells of an error, else the last one.
func complaint(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for _, line := range lines {
		if strings.Contains(line, "ERROR") {
			return line
		}
	}
	return lines[len(lines)-1]
}

// command starts the server of node i.
func (s *System) command(ctx context.Context, i int) (cluster.Command, error) {
	n := s.Nodes[i]
	host, number, err := s.Listen(i, port)
	if err != nil {
		return cluster.Command{}, err
	}
	args := append(shared(n),
		"--bind-address="+host, "--port="+number, "--socket=", "--pid-file="+filepath.Join(n.Dir(), "pid"),
		"--character-set-server=utf8mb4", "--max-connections=500", "--binlog-format=ROW", "--server-id="+strconv.Itoa(i+1+s.made[i]*serverIDs),
		"--innodb-flush-log-at-trx-commit="+s.set.flush,
	)
	if s.set.galera {
		args, err = s.galeraArgs(ctx, i, args)
	} else {
		args = append(args, s.replicationArgs(i)...)
	}
	if err != nil {
		return cluster.Command{}, err
	}
	return s.clocks.Command(n, cluster.Command{Path: s.program("mariadbd"), Args: args, Log: logName, NotRoot: true})
}
