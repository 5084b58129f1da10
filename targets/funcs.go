package targets

import "github.com/lapse-test/lapse/history"

// KeyFuncs are what databases do with single keys: registers, lists, sets and counters. More
// are what one can do besides.
func KeyFuncs(more ...history.Func) []history.Func {
	return append([]history.Func{
		history.Read, history.Write, history.CAS, history.Delete,
		history.Append, history.ReadList,
		history.Add, history.Remove, history.ReadSet,
		history.Increment, history.ReadCounter,
	}, more...)
}
