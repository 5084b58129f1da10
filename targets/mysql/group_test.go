package mysql

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/launch"
)

// expectMembers waits until the cluster says that these are its members.
func (d *deployment) expectMembers(want ...string) {
	d.t.Helper()
	d.await("the members to be "+strings.Join(want, " "), func() error {
		got, err := grouped{d.System}.Members(d.ctx)
		if err == nil && !slices.Equal(got, want) {
			err = fmt.Errorf("they are %v", got)
		}
		return err
	})
}

// members: a node that is taken out is missed by nobody and has nothing any more; taken in again it has what was written
// before and meanwhile.
func members(t *testing.T, d *deployment) {
	g := grouped{d.System}
	d.expectMembers("n1", "n2", "n3")
	s := d.session("")
	s.ok(0, write(50, 1))
	must(t, g.RemoveMember(d.ctx, "n3"))
	must(t, g.RemoveMember(d.ctx, "n3")) // is no error
	d.expectMembers("n1", "n2")
	if st := d.Nodes[2].State(); st != cluster.Stopped {
		t.Errorf("n3 is %s", st)
	}
	if _, err := d.Nodes[2].Exec(d.ctx, cluster.Command{Path: "/bin/ls", Args: []string{dataDir(d.Nodes[2])}}); err == nil {
		t.Error("its data is still there")
	}
	s.ok(1, write(51, 2))
	must(t, g.AddMember(d.ctx, "n3"))
	must(t, g.AddMember(d.ctx, "n3"))
	d.await("n3 to join", func() error { return g.Ready(d.ctx, "n3") })
	d.allReady()
	d.expectMembers("n1", "n2", "n3")
	for key, want := range map[history.Key]history.Value{50: 1, 51: 2} {
		if got := s.ok(2, read(key))[0].Ret; got != want {
			t.Errorf("n3 shows %v for %v, want %v", got, key, want)
		}
	}
	// One whose removal was broken off joins without data all the same.
	over, end := context.WithCancel(d.ctx)
	end()
	if err := g.RemoveMember(over, "n3"); err == nil {
		t.Error("a removal that was broken off is none")
	}
	d.await("n3 to be stopped", func() error {
		if st := d.Nodes[2].State(); st != cluster.Stopped {
			return fmt.Errorf("it is %s", st)
		}
		return nil
	})
	mark := filepath.Join(dataDir(d.Nodes[2]), "mark")
	_, err := d.Nodes[2].Exec(d.ctx, cluster.Command{Path: "/usr/bin/touch", Args: []string{mark}, NotRoot: true})
	must(t, err)
	must(t, g.AddMember(d.ctx, "n3"))
	d.await("n3 to join again", func() error { return g.Ready(d.ctx, "n3") })
	d.allReady()
	if _, err := d.Nodes[2].Exec(d.ctx, cluster.Command{Path: "/bin/ls", Args: []string{mark}}); err == nil {
		t.Error("what it had before is still there")
	}
}

// givesUp: the port on which a joiner gets all data is taken, so that its server gives up. It is started again, also if that is
// broken off at first, and what has the port is ended: it may be a program of the transfer that failed.
func givesUp(t *testing.T, d *deployment) {
	g := grouped{d.System}
	must(t, g.RemoveMember(d.ctx, "n3"))
	ctx, end := context.WithCancel(d.ctx)
	defer end()
	// The file says that it listens.
	held := filepath.Join(d.Nodes[2].Dir(), "held")
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = d.Nodes[2].Exec(ctx, cluster.Command{Path: "/usr/bin/python3", NotRoot: true, Args: []string{"-c",
			"import socket,sys,time\ns=socket.socket()\ns.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1)\ns.bind((sys.argv[1],int(sys.argv[2])))\ns.listen()\nopen(sys.argv[3],'w').close()\ntime.sleep(600)",
			d.Nodes[2].Address(), fmt.Sprint(sstPort), held}}) // it is ended
	}()
	d.await("the port to be taken", func() error {
		_, err := d.Nodes[2].Exec(d.ctx, cluster.Command{Path: "/bin/ls", Args: []string{held}})
		return err
	})
	must(t, g.AddMember(d.ctx, "n3"))
	d.await("the joiner to give up", func() error {
		j, _ := d.transfers.again(2)
		line, err := firstLine(d.logPath(2), j.from, givenUp)
		if err == nil && line == "" {
			err = errors.New("it has not yet")
		}
		return err
	})
	if !d.Kept("n3") || d.Kept("n1") {
		t.Errorf("the joiner that gave up is kept: %v, and so is a member: %v", d.Kept("n3"), d.Kept("n1"))
	}
	over, stop := context.WithCancel(d.ctx)
	stop()
	if err := g.Ready(over, "n3"); err == nil {
		t.Error("a joiner that gave up is ready")
	}
	if err := d.StartNode(over, 2); err == nil {
		t.Error("a start that was broken off is one")
	}
	d.await("the joiner to be started again", func() error {
		err := g.Ready(d.ctx, "n3")
		switch {
		case err == nil:
			return errors.New("it is ready")
		case strings.Contains(err.Error(), "was started again"):
			return nil
		}
		return err
	})
	<-gone
	d.await("n3 to join", func() error { return g.Ready(d.ctx, "n3") })
	d.expectMembers("n1", "n2", "n3")
	d.mu.Lock()
	defer d.mu.Unlock()
	if all := strings.Join(d.told, "\n"); !strings.Contains(all, "restart: n3 gave up joining") {
		t.Errorf("it told: %s", all)
	}
}

// donorDies: whoever sends a joiner all data is killed meanwhile. The joiner gives up, is started again, and gets it from another.
func donorDies(t *testing.T, d *deployment) {
	g := grouped{d.System}
	caught := -1
	for try := 0; caught < 0; try++ {
		if try == 10 {
			t.Fatal("no node was seen to be a donor")
		}
		must(t, g.RemoveMember(d.ctx, "n3"))
		must(t, g.AddMember(d.ctx, "n3"))
		d.await("a donor, or the end of the transfer", func() error {
			for i := range 2 {
				if state, err := d.status(d.ctx, i, "wsrep_local_state_comment"); err == nil && state == "Donor/Desynced" {
					caught = i
					return d.Nodes[i].Kill(d.ctx)
				}
			}
			return g.Ready(d.ctx, "n3")
		})
	}
	name := d.Nodes[caught].Name()
	d.await("n3 to join all the same", func() error { return g.Ready(d.ctx, "n3") })
	must(t, g.Restart(d.ctx, name))
	d.allReady()
	d.expectMembers("n1", "n2", "n3")
	s := d.session("")
	s.ok(2, write(52, 3))
	if got := s.ok(caught, read(52))[0].Ret; got != 3 {
		t.Errorf("%s shows %v, want 3", name, got)
	}
}

// TestGivenUp: lines of logs that differ in what they say of the end.
func TestGivenUp(t *testing.T) {
	for line, want := range map[string]bool{
		"[ERROR] WSREP: Receiving IST failed, node restart required: IST receiver reported failure":                         true,
		"[Note] WSREP: Receiving IST: 1234 writesets, seqnos 5-1239":                                                        false,
		"[ERROR] WSREP: Will never receive state. Need to abort.":                                                           true,
		"[ERROR] WSREP: Failed to receive state. Need to abort.":                                                            true,
		"[ERROR] WSREP: Donor n1 is no longer in the group. State transfer cannot be completed, need to abort. Aborting...": true,
		"[Note] WSREP: Donor n1 is in the group.":                                                                           false,
		"[ERROR] WSREP: Application state transfer failed. This is unrecoverable condition, restart required.":              true,
		"[ERROR] WSREP: State transfer request failed unrecoverably: 110 (Connection timed out). Restart required.":         true,
		"[Note] WSREP: Requesting state transfer: success, donor: 0":                                                        false,
		"[ERROR] WSREP: State Transfer Request preparation failed: x Can't continue, aborting.":                             true,
		"[Note] WSREP: Server status change joiner -> initializing":                                                         false,
		"[Note] WSREP: State transfer to 0.0 (n3) complete.":                                                                false,
		"[ERROR] WSREP: gcs connect failed: Operation timed out":                                                            true,
		"[ERROR] WSREP: failed to open gcomm backend connection: 110: failed to reach primary view":                         false,
		"[ERROR] WSREP: Failed to prepare for 'rsync' SST. Unrecoverable.":                                                  true,
		"[Note] WSREP: Prepared SST request: rsync|10.77.0.3:4444/rsync_sst":                                                false,
		"[Warning] WSREP: gcs_caused() returned -1 (Operation not permitted)":                                               false,
		"[Note] mariadbd: Normal shutdown":                                                                                  false,
	} {
		if givenUp.MatchString(line) != want {
			t.Errorf("%q: a joiner that gave up: %v, want %v", line, !want, want)
		}
	}
}

// TestGivenUpSince: what a log said before its server was started last is of the life before.
func TestGivenUpSince(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	const old = "Will never receive state. Need to abort.\n"
	for text, want := range map[string]string{"": "", "ready for connections\n": "", "Receiving IST failed, node restart required: x\n": "Receiving IST failed, node restart required: x"} {
		must(t, os.WriteFile(path, []byte(old+text), 0o600))
		if got, err := firstLine(path, int64(len(old)), givenUp); err != nil || got != want {
			t.Errorf("after %q it is %q (%v), want %q", text, got, err, want)
		}
		if got, err := firstLine(path, 0, givenUp); err != nil || got == "" {
			t.Errorf("from the beginning: %q, %v", got, err)
		}
	}
}

type disk = cluster.Disk

// diskNode is a node with a disk that counts how often it was settled.
type diskNode struct {
	cluster.Node
	disk
	logs    string
	settled int
	err     error
}

func (n *diskNode) Name() string       { return "n1" }
func (n *diskNode) LogDir() string     { return n.logs }
func (n *diskNode) Disk() cluster.Disk { return n }
func (n *diskNode) Settle(context.Context) error {
	n.settled++
	return n.err
}

// TestArrived: of a joiner that got all data the disk counts as synced, once, of one that got
// what it missed it does not.
func TestArrived(t *testing.T) {
	for _, c := range []struct {
		before, since string
		settled       int
	}{
		{"", "[Note] WSREP: SST received", 1},
		{"", "[Note] WSREP: SST succeeded for position 5c8ae9ff-c0a7-11f0-a7ac-4f3c1a7a4ae0:12", 1},
		{"", "[Note] WSREP: Prepared SST request: rsync|10.77.0.3:4444/rsync_sst", 0},
		{"", "[Note] WSREP: Receiving IST: 12 writesets, seqnos 5-17", 0},
		{"[Note] WSREP: SST received", "[Note] WSREP: Receiving IST: 12 writesets, seqnos 5-17", 0},
	} {
		n := &diskNode{logs: t.TempDir()}
		s := &System{Fleet: &launch.Fleet{Nodes: []cluster.Node{n}}, transfers: transfers{joins: map[int]*join{}}}
		path := s.logPath(0)
		must(t, os.WriteFile(path, []byte(c.before+"\n"), 0o600))
		s.transfers.begin(0, true)
		s.transfers.started(0, sizeOf(path))
		must(t, os.WriteFile(path, []byte(c.before+"\n"+c.since+"\n"), 0o600))
		n.err = errors.New("gone")
		if err := s.arrived(t.Context(), 0); (err != nil) != (c.settled > 0) {
			t.Errorf("%q with a disk that cannot: %v", c.since, err)
		}
		n.err, n.settled = nil, 0
		for range 2 {
			must(t, s.arrived(t.Context(), 0))
		}
		if c.settled > 0 && n.settled != c.settled || c.settled == 0 && n.settled > 0 {
			t.Errorf("%q, then %q: settled %d times, want %d", c.before, c.since, n.settled, c.settled)
		}
	}
}

// TestStandstill: members are told to make a primary component only if they were seen at a standstill all the time until now.
func TestStandstill(t *testing.T) {
	for _, c := range []struct {
		seen []time.Duration
		want bool
	}{
		{[]time.Duration{0}, false},
		{[]time.Duration{0, 9 * time.Second, 19 * time.Second}, false},
		{[]time.Duration{0, 9 * time.Second, 19 * time.Second, 20 * time.Second}, true},
		{[]time.Duration{0, 10 * time.Second, 20 * time.Second}, true},
		{[]time.Duration{0, 11 * time.Second, 20 * time.Second}, false}, // nobody looked for so long
		{[]time.Duration{0, 2 * time.Minute}, false},
		{[]time.Duration{0, 2 * time.Minute, 2*time.Minute + 10*time.Second, 2*time.Minute + 20*time.Second}, true},
	} {
		var s still
		got, began := false, time.Unix(1e9, 0)
		for _, at := range c.seen {
			got = s.seenAt(began.Add(at))
		}
		if got != c.want {
			t.Errorf("seen at %v: %v", c.seen, got)
		}
	}
}

// quorumLost: of three members two lose their data at once, so that the last primary component never is together again. The third one is told to make one, since it
// has the last write set; as long as a member with data is away nobody is.
func quorumLost(t *testing.T, d *deployment) {
	g := grouped{d.System}
	s := d.session("")
	s.ok(0, write(53, 7))
	d.await("all to show it", func() error {
		for i := range d.Nodes {
			if got := s.ok(i, read(53))[0].Ret; got != 7 {
				return fmt.Errorf("%s shows %v", d.Nodes[i].Name(), got)
			}
		}
		return nil
	})
	for _, i := range []int{1, 2} {
		must(t, d.Nodes[i].Kill(d.ctx))
		must(t, g.throwAway(d.ctx, i))
	}
	d.await("the quorum to be lost", func() error {
		state, err := d.status(d.ctx, 0, "wsrep_cluster_status")
		if err == nil && state != nonPrimary {
			err = fmt.Errorf("n1 is %s", state)
		}
		return err
	})
	if _, _, err := g.furthest(d.ctx); !errors.Is(err, errNoOrder) {
		t.Errorf("while members with data are away somebody may go on: %v", err)
	}
	for _, i := range []int{1, 2} {
		d.transfers.begin(i, true)
		must(t, d.StartNode(d.ctx, i))
	}
	// Who takes a member in waits for the joiner, and asks nobody else meanwhile.
	for _, n := range slices.Backward(d.Nodes) {
		d.await(n.Name()+" to be ready", func() error { return g.Ready(d.ctx, n.Name()) })
	}
	d.expectMembers("n1", "n2", "n3")
	s = d.session("") // what was open is lost
	for i := range d.Nodes {
		if got := s.ok(i, read(53))[0].Ret; got != 7 {
			t.Errorf("%s shows %v, want 7", d.Nodes[i].Name(), got)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if all := strings.Join(d.told, "\n"); !strings.Contains(all, "quorum: the members saw each other") || !strings.Contains(all, "n1, which has the last write set") {
		t.Errorf("it told: %s", all)
	}
}
