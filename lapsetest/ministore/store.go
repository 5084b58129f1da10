// Package ministore is the example of docs/own-database.md: a key-value store in
// one process that is nobody's but its author's, the target by which lapse drives
// it, and the test that finds out what it forgets.
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
	log    *bufio.Writer
	// forgetful acknowledges a write when it is in the buffer, which a killed
	// process takes along.
	forgetful bool
}

// Serve listens on address and keeps its log in path until it is killed.
func Serve(address, path string, forgetful bool) error {
	s := &store{values: map[string]string{}, forgetful: forgetful}
	if old, err := os.ReadFile(path); err == nil {
		for line := range strings.Lines(string(old)) {
			if key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " "); ok && strings.HasSuffix(line, "\n") {
				s.values[key] = value
			}
		}
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	s.log = bufio.NewWriterSize(file, 1<<20)
	go s.flushNowAndThen()
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

func (s *store) flushNowAndThen() {
	for range time.Tick(200 * time.Millisecond) {
		s.mu.Lock()
		_ = s.log.Flush()
		s.mu.Unlock()
	}
}

// talk answers "get KEY" and "set KEY VALUE", one a line.
func (s *store) talk(conn net.Conn) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		word := strings.Fields(lines.Text())
		answer := "bad request"
		switch {
		case len(word) == 2 && word[0] == "get":
			answer = s.get(word[1])
		case len(word) == 3 && word[0] == "set":
			answer = s.set(word[1], word[2])
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
	s.values[key] = value
	fmt.Fprintf(s.log, "%s %s\n", key, value)
	if !s.forgetful {
		if err := s.log.Flush(); err != nil {
			return "error " + err.Error()
		}
	}
	return "done"
}
