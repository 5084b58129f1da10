package mysql

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// The errors with which a replica's I/O thread gives up what was taken from it while it introduced itself to its primary: a connection that is
// reset then is made anew by the client library without a word, and what the session had been told is gone (seen with MariaDB 10.11.19;
// findings/mariadb-replica-gives-up-where-its-handshake-is-cut.sh). It tries again after any other loss of its connection, and after
// these not.
const (
	erSlaveFatal         = "1593"
	erRelayLogWriteFails = "1595"
)

// gaveUp tells whether the I/O thread has ended for good by an error that a new attempt may be without.
func (st *standing) gaveUp() bool {
	return st.replica && st.ended && slices.Contains([]string{erSlaveFatal, erRelayLogWriteFails}, st.ioError)
}

// notReceiving says that a replica does not receive from its primary, and starts its I/O thread again where it has given up, as whoever
// runs the servers would.
func (s *System) notReceiving(ctx context.Context, c *conn, node int, st *standing) error {
	name, primary := s.Nodes[node].Name(), s.Nodes[s.primaryIndex()].Name()
	err := errors.New("it does not receive from " + primary)
	if !st.gaveUp() {
		return err
	}
	if starting := c.executeAll(ctx, "START SLAVE IO_THREAD"); starting != nil {
		return fmt.Errorf("%w: its I/O thread has given up (error %s), and starting it again: %w", err, st.ioError, starting)
	}
	s.Tell("replica", "the I/O thread of %s had given up %s (error %s) and was started again", name, primary, st.ioError)
	return fmt.Errorf("%w: its I/O thread had given up (error %s) and was started again", err, st.ioError)
}
