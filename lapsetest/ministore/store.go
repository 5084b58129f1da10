// Package ministore is the example of docs/own-database.md: a key-value store with one
// replica that is nobody's but its author's, the target by which lapse drives it, and
// the test that finds out what it forgets.
//
// It is to be copied and changed.
package ministore

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// store keeps keys in memory and logs every write to a file, from which it takes
// them up again.
type store struct {
	mu     sync.Mutex
	values map[string]string
	// lines are all writes, for the replica; more is told when there is another.
	lines []string
	more  *sync.Cond
	log   *bufio.Writer
	// forgetful acknowledges a write when it is in the buffer, which a killed
	// process takes along.
	forgetful bool
	// primary is the address of the store that this one copies; empty if it takes the
	// writes itself.
	primary string
}

// Serve listens on address and keeps its log in path until it is killed.
func Serve(address, path string, forgetful bool, primary string) error {
	s := &store{values: map[string]string{}, forgetful: forgetful, primary: primary}
	s.more = sync.NewCond(&s.mu)
	if old, err := os.ReadFile(path); err == nil {
		for line := range strings.Lines(string(old)) {
			if strings.HasSuffix(line, "\n") {
				s.take(strings.TrimSuffix(line, "\n"))
			}
		}
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	s.log = bufio.NewWriterSize(file, 1<<20)
	go s.flushNowAndThen()
	if primary != "" {
		go s.follow()
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go s.talk(conn)
	}
}

// take remembers a line "KEY VALUE".
func (s *store) take(line string) {
	if key, value, ok := strings.Cut(line, " "); ok {
		s.values[key] = value
		s.lines = append(s.lines, line)
	}
}

func (s *store) flushNowAndThen() {
	for range time.Tick(200 * time.Millisecond) {
		s.mu.Lock()
		_ = s.log.Flush()
		s.mu.Unlock()
	}
}

// talk answers "get KEY", "set KEY VALUE" and "role", one a line; after "follow" it
// tells all writes, those to come too.
func (s *store) talk(conn net.Conn) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		word := strings.Fields(lines.Text())
		answer := "bad request"
		switch {
		case len(word) == 2 && word[0] == "get":
			answer = s.get(word[1])
		case len(word) == 3 && word[0] == "set" && s.primary != "":
			answer = "not the primary"
		case len(word) == 3 && word[0] == "set":
			answer = s.set(word[1], word[2])
		case len(word) == 1 && word[0] == "role" && s.primary != "":
			answer = "replica"
		case len(word) == 1 && word[0] == "role":
			answer = "primary"
		case len(word) == 1 && word[0] == "follow":
			s.tell(conn)
			return
		}
		if _, err := fmt.Fprintln(conn, answer); err != nil {
			return
		}
	}
}

func (s *store) get(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.values[key]; ok {
		return "value " + v
	}
	return "nothing"
}

func (s *store) set(key, value string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take(key + " " + value)
	s.more.Broadcast()
	fmt.Fprintf(s.log, "%s %s\n", key, value)
	if !s.forgetful {
		if err := s.log.Flush(); err != nil {
			return "error " + err.Error()
		}
	}
	return "done"
}

// tell sends every write to a replica, which nobody waits for.
func (s *store) tell(conn net.Conn) {
	for sent := 0; ; {
		s.mu.Lock()
		for sent == len(s.lines) {
			s.more.Wait()
		}
		news := s.lines[sent:]
		s.mu.Unlock()
		if _, err := fmt.Fprintln(conn, strings.Join(news, "\n")); err != nil {
			return
		}
		sent += len(news)
	}
}

// follow copies the primary, from the beginning each time that it is reached again.
func (s *store) follow() {
	for ; ; time.Sleep(100 * time.Millisecond) {
		conn, err := net.Dial("tcp", s.primary)
		if err != nil {
			continue
		}
		fmt.Fprintln(conn, "follow")
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			s.mu.Lock()
			s.take(lines.Text())
			s.mu.Unlock()
		}
		conn.Close()
	}
}
