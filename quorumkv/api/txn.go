package api

import (
	"errors"
	"fmt"
	"net/http"
	"unicode/utf8"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/tenant"
)

// MaxOps bounds the operations of a transaction.
const MaxOps = 64

// txn serves POST /txn.
func (h *Handler) txn(w http.ResponseWriter, r *http.Request) {
	h.observed(w, r, func(refuse refusal) int {
		e, ok := h.Engine.(engine.Transactor)
		if !ok {
			return refuse(http.StatusNotImplemented, &protocol.Failure{Code: string(engine.CodeTransactions),
				Message: "transactions need a mode that has them; mode " + h.Mode + " has requests for one key alone, under /kv"})
		}
		of, bad := tenantOf(r)
		if bad == nil {
			_, bad = query(r)
		}
		if bad == nil {
			bad = bare(r)
		}
		if bad != nil {
			return refuse(http.StatusBadRequest, bad)
		}
		limit := maxTxnBody(h.MaxValueBytes)
		body, err := readBody(r, limit)
		if errors.Is(err, errTooLarge) {
			return refuse(http.StatusRequestEntityTooLarge, &protocol.Failure{Code: protocol.CodeValueTooLarge, Message: fmt.Sprintf("the body has more than %d bytes", limit)})
		}
		if err != nil {
			return refuse(http.StatusBadRequest, &protocol.Failure{Code: protocol.CodeBadRequest, Message: err.Error()})
		}
		ops, bad := parseTxn(body, of)
		if bad != nil {
			return refuse(http.StatusBadRequest, bad)
		}
		if n := valueBytes(ops); n > h.MaxValueBytes {
			return refuse(http.StatusRequestEntityTooLarge, &protocol.Failure{Code: protocol.CodeValueTooLarge,
				Message: fmt.Sprintf("the values have %d bytes together, at most %d are allowed", n, h.MaxValueBytes)})
		}
		res, err := e.Transact(r.Context(), ops)
		if err != nil {
			return h.engineFailed(w, r, attempted(err, res.Attempts))
		}
		h.reply(w, http.StatusOK, transacted(ops, res, h.Node))
		return http.StatusOK
	})
}

// maxTxnBody bounds the body of a transaction whose values have up to maxValue bytes: as base64 or as text, and with the keys and words around them.
// A byte of text may be spelled by six: JSON has \u001b for a control character, and some spell < > & in this way too.
func maxTxnBody(maxValue int) int { return 6*maxValue + MaxOps*(6*MaxKeyBytes+128) }

// valueBytes are those of all values together, which go through shards' logs.
func valueBytes(ops []engine.Op) int {
	n := 0
	for _, op := range ops {
		n += len(op.Value)
	}
	return n
}

// attempted is err with how many attempts there were.
func attempted(err error, attempts int) error {
	var e *engine.Error
	if !errors.As(err, &e) {
		return err
	}
	with := *e
	with.Attempts = attempts
	return &with
}

// bare refuses headers that say something about a write of one key: to ignore one would be to write what was not asked for.
func bare(r *http.Request) *protocol.Failure {
	for _, header := range []string{"If-Match", "If-None-Match", headerRequest, protocol.HeaderContext} {
		if r.Header.Get(header) != "" {
			return &protocol.Failure{Code: protocol.CodeBadRequest, Message: header + ": is for /kv/{key}; in a transaction give an operation compare"}
		}
	}
	return nil
}

func transacted(ops []engine.Op, res engine.TxnResult, node string) protocol.Transacted {
	out := protocol.Transacted{Reads: []protocol.Value{}, Shards: len(res.Shards), Attempts: res.Attempts, Rounds: res.Rounds, Calls: res.Calls, Coordinator: node}
	for _, op := range ops {
		if op.Kind != engine.OpRead {
			continue
		}
		rec := res.Reads[len(out.Reads)]
		if own := rec.Version.IsZero() && rec.Value != nil; rec.Live() || own {
			out.Reads = append(out.Reads, protocol.ValueOf(plain(op.Key), rec))
			continue
		}
		out.Reads = append(out.Reads, protocol.Value{Key: plain(op.Key), Version: protocol.NewVersion(rec.Version)})
	}
	return out
}

// parseTxn reads the operations, with keys of a tenant's scope.
func parseTxn(body []byte, of string) ([]engine.Op, *protocol.Failure) {
	bad := func(format string, args ...any) ([]engine.Op, *protocol.Failure) {
		return nil, &protocol.Failure{Code: protocol.CodeBadRequest, Message: fmt.Sprintf(format, args...)}
	}
	var in protocol.Transaction
	if !utf8.Valid(body) { // encoding/json would take bytes for others
		return bad("the body is not valid UTF-8; give such a value as value_base64")
	}
	if err := object(body, &in); err != nil {
		return bad("want {\"ops\": [operations]}: %v", err)
	}
	if len(in.Ops) == 0 || len(in.Ops) > MaxOps {
		return bad("ops: %d operations, of which there must be 1 to %d", len(in.Ops), MaxOps)
	}
	ops := make([]engine.Op, len(in.Ops))
	for i, given := range in.Ops {
		if f := checkKey(given.Key); f != nil {
			f.Message = fmt.Sprintf("ops[%d]: %s", i, f.Message)
			return nil, f
		}
		op, err := parseOp(given)
		if err != nil {
			return bad("ops[%d]: %v", i, err)
		}
		op.Key = tenant.Scope(of, op.Key)
		ops[i] = op
	}
	return ops, nil
}

func parseOp(in protocol.TxnOp) (engine.Op, error) {
	op := engine.Op{Kind: engine.OpKind(in.Op), Key: in.Key, AtLeast: in.AtLeast, Absent: in.Absent}
	values := 0
	if in.Value != nil {
		values, op.Value = values+1, []byte(*in.Value)
	}
	if in.ValueBase64 != nil {
		values, op.Value = values+1, in.ValueBase64
	}
	if in.Add != nil {
		op.Add = *in.Add
	}
	wanted := map[engine.OpKind]int{engine.OpRead: 0, engine.OpDelete: 0, engine.OpAdd: 0, engine.OpWrite: 1, engine.OpAppend: 1, engine.OpCompare: 1}
	want, known := wanted[op.Kind]
	if in.Absent {
		want = 0
	}
	switch {
	case !known:
		return op, fmt.Errorf("op: %q is none of read, write, delete, append, add and compare", in.Op)
	case in.Absent && op.Kind != engine.OpCompare:
		return op, errors.New("absent: is for compare alone")
	case (in.Add != nil) != (op.Kind == engine.OpAdd):
		return op, errors.New("add: is given with op add, and with no other")
	case in.AtLeast != nil && op.Kind != engine.OpAdd:
		return op, errors.New("at_least: is for add alone")
	case values != want && want == 1:
		return op, fmt.Errorf("%s: give one of value and value_base64", in.Op)
	case values != want:
		return op, fmt.Errorf("%s: takes no value", in.Op)
	case op.Kind == engine.OpAppend && !utf8.Valid(op.Value):
		return op, errors.New("append: the value is not valid UTF-8")
	}
	return op, nil
}
