package mysql

import (
	"errors"
	"strings"
	"testing"
)

// gaveUp: a replica whose I/O thread has ended with an error that a new attempt is without is started again by whoever waits for it, and
// one that was told to stop is not.
func gaveUp(t *testing.T, d *deployment) {
	const node = 1
	ended := func() standing {
		var st standing
		d.await("the I/O thread to end", func() (err error) {
			if st, err = d.standing(d.ctx, node); err == nil && !st.ended {
				err = errors.New("it runs")
			}
			return err
		})
		return st
	}
	d.allReady()
	was := d.number(node)
	must(t, d.order(d.ctx, node, "STOP SLAVE IO_THREAD"))
	if st := ended(); st.gaveUp() {
		t.Errorf("one that was told to stop has given up: %+v", st)
	}
	if err := d.Ready(d.ctx, "n2"); err == nil || strings.Contains(err.Error(), "started again") {
		t.Errorf("one that was told to stop: %v", err)
	}
	// Two servers with one number: an error that the I/O thread gives up with at once.
	must(t, d.order(d.ctx, node, "SET GLOBAL server_id = "+d.number(0), "START SLAVE IO_THREAD"))
	st := ended()
	must(t, d.order(d.ctx, node, "SET GLOBAL server_id = "+was))
	if st.ioError != erSlaveFatal || !st.gaveUp() {
		t.Fatalf("%+v", st)
	}
	if err := d.Ready(d.ctx, "n2"); err == nil || !strings.Contains(err.Error(), "error 1593) and was started again") {
		t.Errorf("one that has given up: %v", err)
	}
	d.await("n2 to receive again", func() error { return d.Ready(d.ctx, "n2") })
}

// number is the server_id of a node.
func (d *deployment) number(node int) (number string) {
	d.t.Helper()
	must(d.t, d.admin(d.ctx, node, func(c *conn) (err error) {
		number, err = c.text(d.ctx, "SELECT @@GLOBAL.server_id")
		return err
	}))
	return number
}

// TestGaveUp: pairs that differ in one thing.
func TestGaveUp(t *testing.T) {
	for _, c := range []struct {
		st   standing
		want bool
	}{
		{standing{replica: true, ended: true, ioError: erSlaveFatal}, true},
		{standing{replica: true, ended: true, ioError: erRelayLogWriteFails}, true},
		{standing{replica: true, ended: true, ioError: "0"}, false},
		{standing{replica: true, ended: true, ioError: "1236"}, false},
		{standing{replica: true, ioError: erSlaveFatal}, false},
		{standing{ended: true, ioError: erSlaveFatal}, false},
	} {
		if got := c.st.gaveUp(); got != c.want {
			t.Errorf("%+v: %t", c.st, got)
		}
	}
}
