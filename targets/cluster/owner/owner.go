// Package owner names a process so that what it has made, and left, is known as such when the
// process is no more.
package owner

import (
	"fmt"
	"strconv"
	"strings"
)

// Owner names a process so that no other one, on this machine, is ever taken for
// it: by its id, when it started, in which PID namespace, and since which boot.
type Owner struct {
	boot, space, started string
	pid                  int
}

// String is what Parse reads.
func (o Owner) String() string {
	return strings.Join([]string{o.boot, o.space, strconv.Itoa(o.pid), o.started}, "/")
}

// Parse reads what String wrote.
func Parse(text string) (Owner, error) {
	part := strings.Split(text, "/")
	if len(part) != 4 {
		return Owner{}, fmt.Errorf("owner %q: want boot/space/pid/start", text)
	}
	pid, err := strconv.Atoi(part[2])
	if err != nil || pid < 1 {
		return Owner{}, fmt.Errorf("owner %q: want a process id", text)
	}
	return Owner{boot: part[0], space: part[1], started: part[3], pid: pid}, nil
}
