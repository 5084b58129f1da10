package mongodb

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/lapse-test/lapse/targets"
)

// The target's options.
const (
	optSession    = "session"
	optRetry      = "retry"
	optAuthSource = "auth_source"
)

const (
	sessionNone   = "none"
	sessionCausal = "causal"
	on            = "on"
	off           = "off"
)

// The read concerns, as MongoDB spells them.
const (
	local        = "local"
	available    = "available"
	majority     = "majority"
	linearizable = "linearizable"
	snapshot     = "snapshot"
)

// The read preferences of which a level can have one.
const (
	primary   = "primary"
	secondary = "secondary"
	nearest   = "nearest"
)

var (
	concerns    = []string{local, available, majority, linearizable, snapshot}
	preferences = []string{primary, secondary, nearest}
)

// replicaLevel reads the copy of whichever node is asked.
const replicaLevel = local + ":" + nearest

var clientOptions = []targets.Option{
	{Name: optSession, Default: sessionNone, Values: []string{sessionNone, sessionCausal}, Help: "causal: each session is one of MongoDB's causally consistent sessions, over all nodes that it asks"},
	{Name: optRetry, Default: off, Values: []string{on, off}, Help: "the driver's retryable reads and writes; while they are on it connects again behind a session's back"},
}

// settings are a resolved configuration.
type settings struct {
	nodes       int
	read, write string // as they are spelled
	concern     string
	preference  string
	w           any // a number or majority
	journal     bool
	causal      bool
	retry       bool
	timeout     time.Duration
	authSource  string
	// standalone: the server is no member of a replica set and no mongos.
	standalone bool
}

// parse reads cfg, which is complete. Its errors are *targets.UsageError.
func parse(cfg targets.Config) (settings, error) {
	o := cfg.Options
	s := settings{
		nodes: cfg.Nodes, read: cfg.ReadLevel, write: cfg.WriteLevel, timeout: cfg.OpTimeout,
		causal: o[optSession] == sessionCausal, retry: o[optRetry] == on, authSource: o[optAuthSource],
	}
	if err := s.parseRead(); err != nil {
		return s, err
	}
	return s, s.parseWrite()
}

func (s *settings) parseRead() error {
	concern, preference, named := strings.Cut(s.read, ":")
	if !named {
		preference = primary
	}
	s.concern, s.preference = concern, preference
	switch {
	case !slices.Contains(concerns, concern), !slices.Contains(preferences, preference):
		return targets.Usagef("--read-level %s: want a read concern, %s, and after a colon the read preference if it is not primary, secondary or nearest, such as majority or local:secondary", s.read, strings.Join(concerns, ", "))
	case concern == linearizable && preference != primary:
		return targets.Usagef("--read-level %s: MongoDB reads with read concern linearizable at the primary only; use --read-level linearizable", s.read)
	case s.causal && (concern == linearizable || concern == available):
		return targets.Usagef("--read-level %s: MongoDB has no read concern %s in causally consistent sessions; use local, majority or snapshot, or --set %s=%s", s.read, concern, optSession, sessionNone)
	case preference == secondary && s.nodes == 1:
		return targets.Usagef("--read-level %s: there is one node; name a secondary as well, or read from the primary", s.read)
	}
	return nil
}

func (s *settings) parseWrite() error {
	w, j, journal := strings.Cut(s.write, ":")
	n, err := strconv.Atoi(w)
	switch {
	case journal && j != "j", w != majority && err != nil, n < 0:
		return targets.Usagef("--write-level %s: want the w of a write concern, majority or a number from 1, and :j after it if the journal is to have the write, such as majority, 1 or 2:j", s.write)
	case w != majority && n == 0:
		return targets.Usagef("--write-level %s: nobody answers writes with w: 0, so that nothing is known of any; use 1", s.write)
	}
	s.w, s.journal = w, journal
	if w != majority {
		s.w = n
	}
	return nil
}

// writers is the number of nodes that have a write when it is acknowledged; 0 is a majority.
func (s settings) writers() int {
	n, _ := s.w.(int)
	return n
}

func (s settings) readConcern() *readconcern.ReadConcern {
	return &readconcern.ReadConcern{Level: s.concern}
}

func (s settings) readPreference() *readpref.ReadPref {
	switch s.preference {
	case secondary:
		return readpref.Secondary()
	case nearest:
		return readpref.Nearest()
	}
	return readpref.Primary()
}

func (s settings) writeConcern() *writeconcern.WriteConcern {
	c := &writeconcern.WriteConcern{W: s.w}
	if s.journal {
		c.Journal = &s.journal
	}
	return c
}
