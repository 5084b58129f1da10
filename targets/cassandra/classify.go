package cassandra

import (
	"errors"

	"github.com/gocql/gocql"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/outcome"
)

// errNotApplied: the condition of a lightweight transaction was false.
var errNotApplied = errors.New("the condition is false: not applied")

// plainTable judges the errors of reads and of plain writes, lightweightTable those of
// lightweight transactions.
//
// Cassandra's own words for errors are those of the native protocol, version 4,
// section 9. A write is fail only if its coordinator refused it before it sent a
// mutation to any replica:
//
//   - Unavailable, which a coordinator says after it has counted the live
//     replicas and before it writes. But a lightweight transaction counts again
//     when its Paxos rounds are done and it commits at its second level, which is
//     then the level in the error: what was accepted may yet be committed by
//     whoever comes next.
//   - a node that is still joining the ring (Is_bootstrapping), a request that was
//     refused as such: Syntax_error, Unauthorized, Invalid, Config_error,
//     authentication, and Unprepared.
//
// Overloaded is not among them: a coordinator also says it in the middle of a
// write, when it has too many hints in flight. Nor is a failure or a timeout of
// any write type: the replicas that did not answer in time may still write, and a
// hint may make them.
var (
	plainTable       = table(outcome.Row{Match: unavailableAt(anyLevel), Outcome: history.Fail, Answered: true, Text: said})
	lightweightTable = table(outcome.Row{Match: unavailableAt(isSerial), Outcome: history.Fail, Answered: true, Text: said})
)

func table(unavailable outcome.Row) outcome.Table {
	return append(outcome.Table{
		unavailable,
		{Match: refused, Outcome: history.Fail, Answered: true, Text: said},
		{Match: answered, Outcome: history.Info, Answered: true, Text: said},
		{Name: "connection lost", Match: outcome.Is(gocql.ErrNoConnections, gocql.ErrConnectionClosed), Outcome: history.Info},
		{Name: "no answer before the driver's own deadline", Match: outcome.Is(gocql.ErrTimeoutNoResponse), Outcome: history.Info},
	}, outcome.Network()...)
}

func unavailableAt(at func(gocql.Consistency) bool) func(error) bool {
	return outcome.As(func(e *gocql.RequestErrUnavailable) bool { return at(e.Consistency) })
}

func anyLevel(gocql.Consistency) bool { return true }

func isSerial(c gocql.Consistency) bool {
	return c == gocql.Consistency(gocql.Serial) || c == gocql.Consistency(gocql.LocalSerial)
}

// refused matches an answer that the request was refused as such.
func refused(err error) bool {
	return outcome.As(func(e gocql.RequestError) bool {
		switch e.Code() {
		case gocql.ErrCodeBootstrapping, gocql.ErrCodeSyntax, gocql.ErrCodeUnauthorized,
			gocql.ErrCodeInvalid, gocql.ErrCodeConfig, gocql.ErrCodeCredentials, gocql.ErrCodeUnprepared:
			return true
		}
		return false
	})(err)
}

// answered matches whatever Cassandra itself said.
func answered(err error) bool {
	var request gocql.RequestError
	return errors.As(err, &request)
}

// said is Cassandra's own text.
func said(err error) string {
	var request gocql.RequestError
	errors.As(err, &request)
	return request.Error()
}

// broken says whether a connection that ended with err is of no further use.
func broken(err error) bool {
	return err != nil && plainTable.Judge(outcome.Operation{}, err).Broken
}
