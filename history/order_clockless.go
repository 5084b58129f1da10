package history

// byProcess sorts operations that were all invoked at one time, as those of histories
// without a clock are, by their processes: counted, then moved to their places, with a
// number of memory for each. Merging them takes what three copies of them do, since
// sessions alternate. It reports false, and whatever order it made is to be sorted on,
// if times or completions tell more, or processes are not numbered densely.
func byProcess(ops []Op) bool {
	if len(ops) < 2 || ops[0].Invoke != ops[len(ops)-1].Invoke {
		return false
	}
	low, top := ops[0].Process, ops[0].Process
	for i := range ops {
		if ops[i].Invoke != ops[0].Invoke {
			return false
		}
		low, top = min(low, ops[i].Process), max(top, ops[i].Process)
	}
	if int64(top)-int64(low) > int64(len(ops)) {
		return false
	}
	next := make([]int32, int64(top)-int64(low)+2) // where the next operation of each process goes
	for i := range ops {
		next[ops[i].Process-low+1]++
	}
	for p := 1; p < len(next); p++ {
		next[p] += next[p-1]
	}
	to := make([]int32, len(ops))
	for i := range ops {
		p := ops[i].Process - low
		to[i] = next[p]
		next[p]++
	}
	for i := range ops {
		for int(to[i]) != i {
			j := to[i]
			ops[i], ops[j] = ops[j], ops[i]
			to[i], to[j] = to[j], j
		}
	}
	for i := 1; i < len(ops); i++ {
		if compareOps(&ops[i], &ops[i-1]) < 0 {
			return false
		}
	}
	return true
}
