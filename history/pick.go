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

// Places are the indexes in o of the operations of h, which must be some of o's in their order (Parts, Subset, Join); -1 for
// one that is not among them.
func Places(o Ordered, h *History) ([]int, error) {
	places := make([]int, len(h.Ops))
	for i := range places {
		places[i] = -1
	}
	next, n := 0, 0
	err := o.InTime(func(some *History) {
		for i := range some.Ops {
			op := &some.Ops[i]
			for next < len(h.Ops) && compareOps(&h.Ops[next], op) < 0 {
				next++
			}
			// Of several with the same stamps each is one.
			for j := next; j < len(h.Ops) && compareOps(&h.Ops[j], op) == 0; j++ {
				if places[j] < 0 && same(some, op, h, &h.Ops[j]) {
					places[j] = n
					break
				}
			}
			n++
		}
	})
	return places, err
}
