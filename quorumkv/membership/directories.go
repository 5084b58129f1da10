package membership

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
)

// directoryNote is the name of the note of a node's own directory, and with a slash and a node's name behind it of the one by which that node is known.
const directoryNote = "directory"

// Directories finds out a node that has lost its data directory and does not say so. Every directory has a random name, which nodes tell each other before they ask each
// other anything (peer.Directories), and by the first that it hears a node knows another, for good. So whoever comes back with another one hears of it from the first
// peer that knew it, before it answers anything that this peer asks, and its Keeper is told. Only a node that says that it has been told, or joins, is known by a new name: else one that
// was told by none yet would be believed in by the next. A directory that nobody knew held nothing that was acknowledged with another's help.
//
// Modes raft and sharded do the same with the numbers of their members (quorumkv/consensus), and mode multi-leader with the places in its exchange: each where it
// keeps what must not be believed any more.
//
// All methods may be called concurrently.
type Directories struct {
	disk   Disk
	keeper *Keeper
	fixed  bool
	log    *slog.Logger

	mu    sync.Mutex
	own   directory
	known map[string]string // by node
}

// directory is a note.
type directory struct {
	Name string `json:"name"`
	// Told says that this node knows that it had another directory before, or that it joins, so that others may forget that one.
	Told bool `json:"told,omitempty"`
}

// wasTold is what a node says behind the name of its directory.
const wasTold = "told"

func (d directory) String() string {
	if d.Told {
		return d.Name + " " + wasTold
	}
	return d.Name
}

// NewDirectories reads the name of the directory, or gives it one; of a node that joins it says so. Fixed says that members cannot change.
func NewDirectories(disk Disk, k *Keeper, joins, fixed bool, log *slog.Logger) (*Directories, error) {
	d := &Directories{disk: disk, keeper: k, fixed: fixed, log: log, known: map[string]string{}}
	there, err := d.read(directoryNote, &d.own)
	if err == nil && !there {
		d.own = directory{Name: fmt.Sprintf("%016x", rand.Uint64()), Told: joins}
		err = d.write(directoryNote, d.own)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

func (d *Directories) read(name string, into *directory) (there bool, err error) {
	b, err := d.disk.Note(name)
	if err != nil || b == nil {
		return false, err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return false, fmt.Errorf("read the note %s: %w", name, err)
	}
	return true, nil
}

func (d *Directories) write(name string, note directory) error {
	b, err := json.Marshal(note)
	if err != nil {
		return fmt.Errorf("encode the note %s: %w", name, err)
	}
	return d.disk.SetNote(name, b)
}

// Own implements peer.Directories.
func (d *Directories) Own() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.own.String()
}

// Known implements peer.Directories.
func (d *Directories) Known(node string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	name, err := d.of(node)
	if err != nil {
		d.log.Error("by which directory another node is known", "of", node, "error", err)
	}
	return name
}

// of is the name by which a node is known; the lock is held.
func (d *Directories) of(node string) (string, error) {
	if name, ok := d.known[node]; ok {
		return name, nil
	}
	var note directory
	if _, err := d.read(directoryNote+"/"+node, &note); err != nil {
		return "", err
	}
	d.known[node] = note.Name
	return note.Name, nil
}

// Met implements peer.Directories. What it learns is durable when it returns.
func (d *Directories) Met(node, theirs, mine string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if mine != "" && mine != d.own.Name && !d.own.Told {
		if err := d.keeper.LosesData(d.fixed); err != nil {
			return err
		}
		now := directory{d.own.Name, true}
		if err := d.write(directoryNote, now); err != nil {
			return err
		}
		d.own = now
		d.log.Error("this node had another data directory", "says", node, "what", d.keeper.Lost())
	}
	name, knows, _ := strings.Cut(theirs, " ")
	before, err := d.of(node)
	switch {
	case err != nil:
		return err
	case name == "" || name == before:
		return nil
	case before != "" && knows != wasTold:
		d.log.Warn("a node has another data directory than it had, and is told so", "of", node)
		return nil
	}
	if err := d.write(directoryNote+"/"+node, directory{Name: name}); err != nil {
		return err
	}
	d.known[node] = name
	return nil
}
