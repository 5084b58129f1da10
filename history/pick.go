package history

// Pick gathers the operations of o that want wants, which is asked of each in the order of History.Ops with its index: as a
// history of them alone with all that o.About has, and their indexes in o. It copies them.
func Pick(o Ordered, want func(i int, op *Op) bool) (h *History, places []int, err error) {
	var all batch
	n := 0
	err = o.InTime(func(some *History) {
		for i := range some.Ops {
			if op := &some.Ops[i]; want(n, op) {
				all.add(*op, some.Mops(op), some.lists)
				places = append(places, n)
			}
			n++
		}
	})
	picked := *o.About()
	picked.Ops, picked.mops, picked.lists = all.ops, all.mops, all.lists
	return &picked, places, err
}
