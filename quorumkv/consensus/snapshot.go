package consensus

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2"
)

// A snapshot travels as a stream: the position and the term that it stands for, then pairs of key and value of the
// machine with their prefix in place of the generation, then a pair of nothing, then the xxhash of all before.

const (
	snapshotBatch = 1 << 20 // bytes of a batch while a snapshot is received
	maxPair       = 4 << 20 // bounds what the other side can make this one allocate
)

// writeSnapshot streams the machine as it was at one moment.
func writeSnapshot(db *pebble.DB, w io.Writer, forgetSessions bool) (err error) {
	snap := db.NewSnapshot()
	defer func() { err = errors.Join(err, snap.Close()) }()
	generation := uint64(0)
	raw, closer, err := snap.Get([]byte{prefixGeneration})
	if err == nil {
		generation = binary.BigEndian.Uint64(raw)
		_ = closer.Close() // frees memory only
	} else if !errors.Is(err, pebble.ErrNotFound) {
		return fmt.Errorf("read the generation: %w", err)
	}
	raw, closer, err = snap.Get(space(prefixApplied, generation))
	if err != nil {
		return fmt.Errorf("read the applied position: %w", err)
	}
	sum := xxhash.New()
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 64<<10)
	_, _ = out.Write(raw) // its error stays until Flush
	_ = closer.Close()    // frees memory only
	prefixes := []byte{prefixMembers, prefixRecord}
	if !forgetSessions {
		prefixes = append(prefixes, prefixSession)
	}
	for _, p := range prefixes {
		if err := writePairs(snap, p, generation, out); err != nil {
			return err
		}
	}
	_, _ = out.Write([]byte{0, 0}) // its error stays until Flush
	if err := out.Flush(); err != nil {
		return fmt.Errorf("send a snapshot: %w", err)
	}
	if _, err := w.Write(binary.BigEndian.AppendUint64(nil, sum.Sum64())); err != nil {
		return fmt.Errorf("send a snapshot: %w", err)
	}
	return nil
}

func writePairs(snap *pebble.Snapshot, prefix byte, generation uint64, out *bufio.Writer) (err error) {
	low := space(prefix, generation)
	it, err := snap.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: space(prefix, generation+1)})
	if err != nil {
		return fmt.Errorf("read a snapshot: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		key := it.Key()[len(low):]
		b := binary.AppendUvarint(nil, uint64(1+len(key)))
		b = append(append(b, prefix), key...)
		b = binary.AppendUvarint(b, uint64(len(it.Value())))
		if _, err := out.Write(b); err != nil {
			return fmt.Errorf("send a snapshot: %w", err)
		}
		if _, err := out.Write(it.Value()); err != nil {
			return fmt.Errorf("send a snapshot: %w", err)
		}
	}
	return it.Error()
}

// staged is a snapshot that was received and not yet installed.
type staged struct {
	index, term uint64
	generation  uint64
	members     members // of no epoch when they have never changed
}

// readSnapshot receives a stream as the generation after this one. Nothing is seen of it until install.
func readSnapshot(db *pebble.DB, generation uint64, r io.Reader) (staged, error) {
	s := staged{generation: generation + 1}
	for _, p := range machineSpaces() {
		if err := db.DeleteRange(space(p, s.generation), space(p, s.generation+1), pebble.NoSync); err != nil {
			return s, fmt.Errorf("make room for a snapshot: %w", err)
		}
	}
	in := &summed{r: bufio.NewReaderSize(r, 64<<10), sum: xxhash.New()}
	var head [16]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return s, fmt.Errorf("receive a snapshot: %w", err)
	}
	s.index, s.term = binary.BigEndian.Uint64(head[:]), binary.BigEndian.Uint64(head[8:])
	b := db.NewBatch()
	for {
		key, value, err := readPair(in)
		if err != nil {
			return s, fmt.Errorf("receive a snapshot: %w", err)
		}
		if len(key) == 0 {
			break
		}
		if key[0] == prefixMembers {
			if s.members, err = parseMembers(value); err != nil {
				return s, fmt.Errorf("receive a snapshot: %w", err)
			}
		}
		if err := b.Set(append(space(key[0], s.generation), key[1:]...), value, nil); err != nil {
			return s, fmt.Errorf("keep a snapshot: %w", err)
		}
		if b.Len() > snapshotBatch {
			if err := b.Commit(pebble.NoSync); err != nil {
				return s, fmt.Errorf("keep a snapshot: %w", err)
			}
			b = db.NewBatch()
		}
	}
	want := in.sum.Sum64()
	var sum [8]byte
	if _, err := io.ReadFull(in, sum[:]); err != nil {
		return s, fmt.Errorf("receive a snapshot: %w", err)
	}
	if got := binary.BigEndian.Uint64(sum[:]); got != want {
		return s, fmt.Errorf("receive a snapshot: %w: its sum is %x, and not %x", errMalformed, want, got)
	}
	err := errors.Join(b.Set(space(prefixApplied, s.generation), head[:], nil), b.Commit(pebble.NoSync))
	if err != nil {
		return s, fmt.Errorf("keep a snapshot: %w", err)
	}
	return s, nil
}

// summed sums what is read through it.
type summed struct {
	r   *bufio.Reader
	sum hash.Hash64
}

func (s *summed) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	_, _ = s.sum.Write(b[:n]) // never fails
	return n, err
}

func (s *summed) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(s, b[:])
	return b[0], err
}

// readPair reads a pair; the last one has no key.
func readPair(in *summed) (key, value []byte, err error) {
	for _, part := range []*[]byte{&key, &value} {
		n, err := binary.ReadUvarint(in)
		if err != nil {
			return nil, nil, err
		}
		if n > maxPair {
			return nil, nil, fmt.Errorf("%w: %d bytes at once", errMalformed, n)
		}
		*part = make([]byte, n)
		if _, err := io.ReadFull(in, *part); err != nil {
			return nil, nil, err
		}
	}
	if len(key) > 0 && key[0] != prefixRecord && key[0] != prefixSession && !(key[0] == prefixMembers && len(key) == 1) {
		return nil, nil, fmt.Errorf("%w: a pair of kind %q", errMalformed, key[0])
	}
	return key, value, nil
}

// install makes a staged snapshot the state, and the log begin after it, in one synced batch.
func (m *machine) install(s staged, restart func(*pebble.Batch) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.generation
	b := m.db.NewBatch()
	err := errors.Join(restart(b), b.Set([]byte{prefixGeneration}, binary.BigEndian.AppendUint64(nil, s.generation), nil))
	for _, p := range machineSpaces() {
		err = errors.Join(err, b.DeleteRange(space(p, old), space(p, old+1), nil))
	}
	if err = errors.Join(err, b.Commit(pebble.Sync)); err != nil {
		return fmt.Errorf("install a snapshot: %w", err)
	}
	m.generation = s.generation
	return m.load()
}
