package redis

import (
	"bufio"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/wire"
)

// serveFake answers Redis' protocol at an address, by what answer has for a command, which is in upper case. Where that
// is empty it says nothing, as a node behind a partition.
func serveFake(t *testing.T, answer func(command string) string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var mu sync.Mutex
	var conns []net.Conn
	var served sync.WaitGroup
	served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			served.Go(func() {
				in := bufio.NewReader(c)
				for {
					command, err := readCommand(in)
					if err != nil {
						return
					}
					if _, err := io.WriteString(c, answer(strings.ToUpper(command))); err != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		served.Wait()
	})
	return l.Addr().String()
}

// readCommand reads an array of bulk strings.
func readCommand(in *bufio.Reader) (string, error) {
	number := func() (int, error) {
		line, err := in.ReadString('\n')
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.TrimSpace(line[1:]))
	}
	n, err := number()
	if err != nil {
		return "", err
	}
	words := make([]string, n)
	for i := range words {
		size, err := number()
		if err != nil {
			return "", err
		}
		word := make([]byte, size+2)
		if _, err := io.ReadFull(in, word); err != nil {
			return "", err
		}
		words[i] = string(word[:size])
	}
	return strings.Join(words, " "), nil
}

// TestClusterShows: in a cluster whose first node is cut off a driver sees what the run made at the others, and that the
// first does not answer is no sign of another database; a node that answers without it is one.
func TestClusterShows(t *testing.T) {
	for _, made := range []bool{true, false} {
		silent := serveFake(t, func(string) string { return "" })
		const id = "0123456789"
		here := serveFake(t, func(command string) string {
			switch {
			case command == "CLUSTER SLOTS":
				return "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$9\r\n192.0.2.7\r\n:6379\r\n$10\r\n" + id + "\r\n"
			case strings.HasPrefix(command, "HEXISTS LAPSE-RUNS ") && made:
				return ":1\r\n"
			case strings.HasPrefix(command, "HEXISTS LAPSE-RUNS "):
				return ":0\r\n"
			}
			return "-ERR unknown command\r\n"
		})
		ids := []string{"other", id}
		v := &visit{store: &store{set: settings{cluster: true, timeout: 2 * time.Second}}}
		v.At = []string{silent, here}
		v.Namespace.Name = "run"
		for _, addr := range v.At {
			v.add(wire.Access{Addr: addr})
		}
		t.Cleanup(v.close)
		v.index = func(n driver.ClusterNode) int { return slices.Index(ids, n.ID) }
		if err := v.Shows(t.Context(), 1); errors.Is(err, targets.ErrElsewhere) == made || made && err != nil {
			t.Errorf("made %v: %v", made, err)
		}
		var environment *cluster.EnvironmentError
		if err := v.Shows(t.Context(), 0); !errors.As(err, &environment) || errors.Is(err, targets.ErrElsewhere) {
			t.Errorf("made %v: the node that is cut off: %v", made, err)
		}
		// Others may be asked for the slots, which leaves them time.
		if m, err := v.slots(t.Context()); err != nil || !slices.Equal(m.owners(1), []int{1}) {
			t.Errorf("the slots: %v, %v", m, err)
		}
	}
}
