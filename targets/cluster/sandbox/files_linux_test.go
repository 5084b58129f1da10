package sandbox_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets/cluster/sandbox"
)

// listenOutside opens a port in the network of this process and prints its address.
func listenOutside() (*os.File, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	fmt.Println(ln.Addr())
	return ln.(*net.TCPListener).File()
}

// answerOutside answers one connection to the port that was opened outside, with what a
// process finds open that it starts.
func answerOutside() int {
	ln, err := net.FileListener(sandbox.File(1))
	if err == nil && sandbox.File(2) != nil {
		err = errors.New("there is a file that nobody gave")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 97
	}
	open, err := exec.Command("/bin/sh", "-c", "cd /proc/self/fd && echo *").Output()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 96
	}
	conn, err := ln.Accept()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 95
	}
	fmt.Fprintf(conn, "open: %s", open)
	if err := conn.Close(); err != nil {
		return 94
	}
	return 0
}

// TestFiles: a socket of the network outside is answered from inside, and no process of the
// sandbox but the harness has it.
func TestFiles(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(sandbox.OutsideEnviron(), envCommand+"=files")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", strings.TrimSpace(address))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	// 3 is the directory itself; what lies far above, a shell may have left open.
	for _, fd := range strings.Fields(strings.TrimPrefix(string(answer), "open: ")) {
		if len(fd) == 1 && fd > "3" {
			t.Errorf("a process of the sandbox has descriptor %s", fd)
		}
	}
	if !strings.HasPrefix(string(answer), "open: 0") {
		t.Errorf("the answer is %q", answer)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, said.String())
	}
}
