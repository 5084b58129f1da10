package targets

// Promised is what Promises returns while it is put together: for models, by the names of
// their checkers, whether they are promised.
type Promised map[string]bool

// Set says of each of these models whether it is promised.
func (p Promised) Set(is bool, models ...string) {
	for _, m := range models {
		p[m] = is
	}
}
