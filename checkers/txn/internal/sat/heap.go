package sat

// heap orders variables by activity, the highest first, and among equals the
// lowest number.
type heap struct {
	items []int32
	place []int32 // by variable, -1 if it is not in
	act   []float64
}

func newHeap(n int, act []float64) heap {
	h := heap{place: make([]int32, n), act: act}
	for v := range n {
		h.items = append(h.items, int32(v))
		h.place[v] = int32(v)
	}
	return h
}

func (h *heap) before(a, b int32) bool {
	return h.act[a] > h.act[b] || h.act[a] == h.act[b] && a < b
}

func (h *heap) push(v int) {
	if h.place[v] >= 0 {
		return
	}
	h.place[v] = int32(len(h.items))
	h.items = append(h.items, int32(v))
	h.up(len(h.items) - 1)
}

// pop takes the first variable, -1 if there is none.
func (h *heap) pop() int {
	if len(h.items) == 0 {
		return -1
	}
	v := h.items[0]
	last := len(h.items) - 1
	h.set(0, h.items[last])
	h.items = h.items[:last]
	h.place[v] = -1
	if last > 0 {
		h.down(0)
	}
	return int(v)
}

// raise puts v where it belongs after its activity has grown.
func (h *heap) raise(v int) {
	if h.place[v] >= 0 {
		h.up(int(h.place[v]))
	}
}

func (h *heap) set(i int, v int32) {
	h.items[i] = v
	h.place[v] = int32(i)
}

func (h *heap) up(i int) {
	v := h.items[i]
	for i > 0 {
		p := (i - 1) / 2
		if !h.before(v, h.items[p]) {
			break
		}
		h.set(i, h.items[p])
		i = p
	}
	h.set(i, v)
}

func (h *heap) down(i int) {
	v := h.items[i]
	for {
		c := 2*i + 1
		if c >= len(h.items) {
			break
		}
		if c+1 < len(h.items) && h.before(h.items[c+1], h.items[c]) {
			c++
		}
		if !h.before(h.items[c], v) {
			break
		}
		h.set(i, h.items[c])
		i = c
	}
	h.set(i, v)
}
