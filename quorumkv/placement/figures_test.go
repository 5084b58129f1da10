package placement

// shareMoved is the share, between 0 and 1, of the replicas of keys that are on a node in after which did not hold the key in before: what would have to
// be copied to come from one to the other. The least possible share, when one node joins n others, is 1/(n+1).
func shareMoved(before, after Placement, keys []string) float64 {
	c := Compare(before, after, keys)
	if c.After == 0 {
		return 0
	}
	return float64(c.Moved) / float64(c.After)
}

// imbalance is how many of the replicas of keys are on the emptiest and on the fullest node, as a multiple of what each would have
// if all had the same: 1 and 1 at best, 0 and the number of nodes divided by N at worst.
func imbalance(p Placement, keys []string) (least, most float64) {
	held := make(map[string]int, len(p.Nodes()))
	for _, key := range keys {
		for _, node := range p.Replicas(key) {
			held[node]++
		}
	}
	even := float64(len(keys)*p.N()) / float64(len(p.Nodes()))
	if even == 0 {
		return 1, 1
	}
	least, most = float64(len(keys)), 0
	for _, node := range p.Nodes() {
		least, most = min(least, float64(held[node])), max(most, float64(held[node]))
	}
	return least / even, most / even
}
