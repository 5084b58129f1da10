package workloads

import (
	"strconv"
	"strings"
)

// MaxWorkers is the largest concurrency that is accepted.
const MaxWorkers = 10_000

// ParseConcurrency reads how many clients work at once: a number such as "6",
// or a multiple of the number of nodes such as "2n" ("n" is one a node).
func ParseConcurrency(text string, nodes int) (int, error) {
	digits, perNode := strings.CutSuffix(strings.TrimSpace(text), "n")
	n, err := strconv.Atoi(digits)
	if perNode && digits == "" {
		n, err = 1, nil
	}
	if err != nil || n < 1 || strings.HasPrefix(digits, "+") {
		return 0, usagef("concurrency %q is neither a number of clients such as 6 nor a multiple of the nodes such as 2n", text)
	}
	if perNode {
		if nodes < 1 || n > MaxWorkers/nodes {
			return 0, usagef("concurrency %q on %d nodes is not between 1 and %d clients", text, nodes, MaxWorkers)
		}
		n *= nodes
	}
	if n > MaxWorkers {
		return 0, usagef("concurrency %q is more than %d clients", text, MaxWorkers)
	}
	return n, nil
}

// MaxRate is the highest rate that is accepted, in operations a second.
const MaxRate = 10_000_000
