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

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/cluster"
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

// givesUp: the port on which a joiner gets all data is taken, so that its server gives up. It is started again, and joins as soon as
// the port is free.
func givesUp(t *testing.T, d *deployment) {
	g := grouped{d.System}
	must(t, g.RemoveMember(d.ctx, "n3"))
	ctx, free := context.WithCancel(d.ctx)
	defer free()
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
	d.await("the joiner to give up and be started again", func() error {
		err := g.Ready(d.ctx, "n3")
		switch {
		case err == nil:
			return errors.New("it is ready")
		case strings.Contains(err.Error(), "was started again"):
			return nil
		}
		return err
	})
	free()
	<-gone
	d.await("n3 to join", func() error { return g.Ready(d.ctx, "n3") })
	d.expectMembers("n1", "n2", "n3")
	d.mu.Lock()
	defer d.mu.Unlock()
	if all := strings.Join(d.told, "\n"); !strings.Contains(all, "restart: n3 gave up joining") {
		t.Errorf("it told: %s", all)
	}
}

// TestGivenUp: lines of logs that differ in what they say of the end.
func TestGivenUp(t *testing.T) {
	for line, want := range map[string]bool{
		"[ERROR] WSREP: Receiving IST failed, node restart required: IST receiver reported failure": true,
		"[Note] WSREP: Receiving IST: 1234 writesets, seqnos 5-1239":                                false,
		"[ERROR] WSREP: Will never receive state. Need to abort.":                                   true,
		"[Note] WSREP: State transfer to 0.0 (n3) complete.":                                        false,
		"[ERROR] WSREP: Failed to prepare for 'rsync' SST. Unrecoverable.":                          true,
		"[Note] WSREP: Prepared SST request: rsync|10.77.0.3:4444/rsync_sst":                        false,
		"[Warning] WSREP: gcs_caused() returned -1 (Operation not permitted)":                       false,
		"[Note] mariadbd: Normal shutdown":                                                          false,
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
