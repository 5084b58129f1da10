package storage

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// noteKey is below the identity's own key.
func noteKey(name string) []byte { return append([]byte{prefixMeta, '/'}, name...) }

// Note is what SetNote kept under name; nil when it kept nothing.
func (s *Store) Note(name string) ([]byte, error) {
	leave, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	b, closer, err := s.db.Get(noteKey(name))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the note %s: %w", name, err)
	}
	return bytes.Clone(b), closer.Close()
}

// SetNote keeps b, which is not empty, under name. It is durable when SetNote returns, also in a store without fsync: what nodes have agreed on must not
// be taken back by one of them.
func (s *Store) SetNote(name string, b []byte) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	if err := s.db.Set(noteKey(name), b, pebble.Sync); err != nil {
		return fmt.Errorf("write the note %s: %w", name, err)
	}
	return nil
}

// ClearNotes removes all that SetNote kept under names that begin with prefix, which is not empty.
func (s *Store) ClearNotes(prefix string) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	if err := s.db.DeleteRange(noteKey(prefix), append(noteKey(prefix), 0xff), pebble.Sync); err != nil {
		return fmt.Errorf("remove the notes %s: %w", prefix, err)
	}
	return nil
}

// HoldsRecords tells whether there is any record.
func (s *Store) HoldsRecords() (bool, error) {
	p, err := s.Range("", "", 1)
	return len(p.Items) > 0 || p.More, err
}
