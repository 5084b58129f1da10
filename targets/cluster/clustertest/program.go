// Package clustertest is what every provider of clusters has to pass, and a
// small program for its nodes: the test binary itself.
//
//	func TestMain(m *testing.M) {
//		clustertest.Main() // does not return in a node's process
//		os.Exit(m.Run())
//	}
//
//	func TestConformance(t *testing.T) { clustertest.Conformance(t, provider) }
package clustertest

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// envProgram holds what a process of the node's program does.
const envProgram = "LAPSE_TEST_PROGRAM"

// Main runs the node's program if this process is to do that.
func Main() {
	program, ok := os.LookupEnv(envProgram)
	if !ok {
		return
	}
	args := strings.Fields(program)
	var err error
	switch args[0] {
	case "serve":
		err = serve(args[1])
	case "family":
		err = family(args[1])
	case "print":
		fmt.Printf("uid=%d dir=%s %s\n", os.Getuid(), workingDir(), strings.Join(args[1:], " "))
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ready")
		forever()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func workingDir() string {
	d, err := os.Getwd()
	if err != nil {
		return err.Error()
	}
	return d
}

// Command runs the node's program: "serve ADDRESS", "family MARK", "print ..."
// or "stubborn" (which ignores SIGTERM). Env is added.
func Command(program string, env ...string) cluster.Command {
	exe, err := os.Executable()
	if err != nil {
		panic(err) // the tests cannot begin
	}
	return cluster.Command{Path: exe, Env: append([]string{envProgram + "=" + program, "PATH=/usr/bin:/bin", "GORACE=atexit_sleep_ms=0"}, env...)}
}

// patience is how long the program waits for a peer.
const patience = 400 * time.Millisecond

// server answers lines:
//
//	echo X        X
//	note X        (nothing; X is remembered)
//	notes         what was noted
//	hold ID ADDR  opens a connection to a peer and keeps it
//	use ID X      echo X over that connection
//	push ID X     note X over that connection
type server struct {
	mu    sync.Mutex
	notes []string
	held  map[string]*held
}

type held struct {
	mu   sync.Mutex
	conn net.Conn
	in   *bufio.Reader
}

func serve(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	s := &server{held: map[string]*held{}}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go s.talk(c)
	}
}

func (s *server) talk(c net.Conn) {
	defer c.Close()
	in := bufio.NewScanner(c)
	for in.Scan() {
		word := strings.SplitN(in.Text(), " ", 3)
		for len(word) < 3 {
			word = append(word, "")
		}
		if word[0] == "note" {
			s.mu.Lock()
			s.notes = append(s.notes, word[1])
			s.mu.Unlock()
			continue
		}
		if _, err := fmt.Fprintln(c, s.answer(word)); err != nil {
			return
		}
	}
}

func (s *server) answer(word []string) string {
	switch word[0] {
	case "echo":
		return word[1]
	case "notes":
		s.mu.Lock()
		defer s.mu.Unlock()
		return strings.Join(s.notes, " ")
	case "hold":
		c, err := net.DialTimeout("tcp", word[2], patience)
		if err != nil {
			return "error: " + err.Error()
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.held[word[1]] = &held{conn: c, in: bufio.NewReader(c)}
		return "held"
	}
	s.mu.Lock()
	h := s.held[word[1]]
	s.mu.Unlock()
	if h == nil {
		return "error: no connection " + word[1]
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch word[0] {
	case "push":
		if _, err := fmt.Fprintln(h.conn, "note "+word[2]); err != nil {
			return "error: " + err.Error()
		}
		return "pushed"
	case "use":
		return Ask(h.conn, h.in, "echo "+word[2], patience)
	}
	return "error: what is " + word[0] + "?"
}

// Ask sends a line to a node's program and returns its answer, or "error: ..."
// if there is none within the time.
func Ask(c net.Conn, in *bufio.Reader, line string, within time.Duration) string {
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		return "error: " + err.Error()
	}
	if _, err := fmt.Fprintln(c, line); err != nil {
		return "error: " + err.Error()
	}
	answer, err := in.ReadString('\n')
	if err != nil {
		return "error: " + err.Error()
	}
	return strings.TrimSuffix(answer, "\n")
}

// family starts a child in a session of its own, which starts a grandchild and
// ends, so that the grandchild has lost its parent, as a daemon has.
func family(mark string) error {
	stage, mark, _ := strings.Cut(mark, ":")
	next := map[string]string{"parent": "child", "child": "grandchild"}[stage]
	if next == "" {
		fmt.Println("grandchild is there")
		forever()
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), envProgram+"=family "+next+":"+mark)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	if stage == "child" {
		return nil
	}
	if err := cmd.Wait(); err != nil {
		return err
	}
	fmt.Println("parent is there")
	forever()
	return nil
}

// forever waits for the end that comes from outside. The runtime takes a process
// whose goroutines all wait without a clock for a deadlock, and ends it.
func forever() {
	for {
		time.Sleep(time.Hour)
	}
}
