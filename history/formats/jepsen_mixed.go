package formats

// plainFunctions are those of operations on one object, which names no key or is one of independent ones.
var plainFunctions = []string{
	"read", "write", "cas", "delete", "append", "add", "remove", "clear", "increment", "decrement",
	"enqueue", "dequeue", "drain", "acquire", "release", "generate", "transfer",
}

// mixed refuses a file that mixes transactions with operations on one object. They are of two workloads: nothing says how the object of
// the one and the keys of the other belong together, a key may even have the name by which the object goes here, and judged as one history the
// sessions of both would count as those of one.
func (s *jepsenStyle) mixed(in *input) error {
	txn, has := s.seen.at["txn"]
	if !has {
		return nil
	}
	for _, f := range plainFunctions {
		if at, has := s.seen.at[f]; has {
			return in.errAt(max(at, txn), "the file mixes workloads: there is :%s (line %d), which is about one object, and %s (line %d), which is about keys; keep the lines of one of them in a file and check each for itself",
				f, in.line(at), s.seen.called("txn"), in.line(txn))
		}
	}
	return nil
}
