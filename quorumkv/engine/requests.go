package engine

import "sync/atomic"

// Requests counts clients' requests since the start. Safe for concurrent use; the zero value has seen none.
type Requests struct {
	Writes, NotWritten, PerhapsWritten, Reads, ReadsFailed atomic.Int64
}

// Failed counts a write that was not acknowledged, by its outcome.
func (r *Requests) Failed(err *Error) {
	if err.Outcome == NotWritten {
		r.NotWritten.Add(1)
		return
	}
	r.PerhapsWritten.Add(1)
}

// Wrote counts a write and is what Engine.Write returns of it.
func (r *Requests) Wrote(res WriteResult, err *Error) (WriteResult, error) {
	if err != nil {
		r.Failed(err)
		return WriteResult{}, err
	}
	r.Writes.Add(1)
	return res, nil
}

// Answered counts a read and is what Engine.Read returns of it.
func (r *Requests) Answered(res ReadResult, err error) (ReadResult, error) {
	if err != nil {
		r.ReadsFailed.Add(1)
		return ReadResult{}, err
	}
	r.Reads.Add(1)
	return res, nil
}

// Metrics returns the counters, for RegisterCounters: acknowledged says who holds a write that is acknowledged, perhaps who
// may hold one that failed.
func (r *Requests) Metrics(acknowledged, perhaps string) map[string]Metric {
	return map[string]Metric{
		"writes_acknowledged_total":    {Help: "Writes that " + acknowledged + ".", Read: r.Writes.Load},
		"writes_not_written_total":     {Help: "Failed writes that are certainly nowhere.", Read: r.NotWritten.Load},
		"writes_perhaps_written_total": {Help: "Failed writes that " + perhaps + ".", Read: r.PerhapsWritten.Load},
		"reads_total":                  {Help: "Reads answered.", Read: r.Reads.Load},
		"reads_failed_total":           {Help: "Reads that were not answered.", Read: r.ReadsFailed.Load},
	}
}
