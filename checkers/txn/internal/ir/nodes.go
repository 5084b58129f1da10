package ir

import (
	"github.com/lapse-test/lapse/checkers/txn/internal/tell"
	"github.com/lapse-test/lapse/history"
)

// Name returns the name of node v in sentences.
func (r *IR) Name(v int32) string { return tell.Op(int(r.Op[v])) }

// OpOf is the operation of node v.
func (r *IR) OpOf(v int32) *history.Op { return &r.H.Ops[r.Op[v]] }

// KeyName is the name of key k.
func (r *IR) KeyName(k int32) string { return r.H.KeyName(history.Key(k)) }

// ValueOfWrite returns the value of write w, as text.
func (r *IR) ValueOfWrite(w int32) string {
	mops, _ := r.Mops(r.Writes[w].Op)
	return r.H.ValueText(mops[r.Writes[w].mop].Arg)
}
