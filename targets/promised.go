package targets

// Promised is what Promises returns while it is put together: for models, by the names of
// their checkers, whether they are promised.
type Promised map[string]bool

// Withdraw says of every model that was promised that it is not.
func (p Promised) Withdraw() {
	for m := range p {
		p[m] = false
	}
}

// Silence says nothing any more of what was promised; what is not promised stays so.
func (p Promised) Silence() {
	for m, is := range p {
		if is {
			delete(p, m)
		}
	}
}

// Set says of each of these models whether it is promised.
func (p Promised) Set(is bool, models ...string) {
	for _, m := range models {
		p[m] = is
	}
}
