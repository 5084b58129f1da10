package suite

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// condition is a conjunction of comparisons.
type condition []comparison

type comparison struct{ left, op, right string }

var comparisonText = regexp.MustCompile(`^\s*([^<>=!]+?)\s*(<=|>=|==|!=|<|>)\s*([^<>=!]+?)\s*$`)

// parseWhen reads a condition such as W+R>N && faults==none; empty is always true.
func parseWhen(text string) (condition, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var c condition
	for part := range strings.SplitSeq(text, "&&") {
		m := comparisonText.FindStringSubmatch(part)
		if m == nil {
			return nil, fmt.Errorf("%q is no comparison; write such as W+R>N, 2*W>N, read==replica, faults!=none, joined by &&", strings.TrimSpace(part))
		}
		x := comparison{m[1], m[2], m[3]}
		if !x.textual() {
			for _, side := range []string{x.left, x.right} {
				if _, err := sum(side, map[string]int{"W": 1, "R": 1, "N": 1}); err != nil {
					return nil, err
				}
			}
		} else if x.op != "==" && x.op != "!=" {
			return nil, fmt.Errorf("%q: names are compared with == and !=", strings.TrimSpace(part))
		}
		c = append(c, x)
	}
	return c, nil
}

func (x comparison) textual() bool {
	switch x.left {
	case "write", "read", "target", "faults":
		return true
	}
	return false
}

// holds decides the condition. numbers lacks what is not known of the target.
func (c condition) holds(numbers map[string]int, words map[string]string) (bool, error) {
	for _, x := range c {
		if x.textual() {
			if (words[x.left] == strings.Trim(x.right, `'"`)) != (x.op == "==") {
				return false, nil
			}
			continue
		}
		l, err := sum(x.left, numbers)
		if err != nil {
			return false, err
		}
		r, err := sum(x.right, numbers)
		if err != nil {
			return false, err
		}
		ok := map[string]bool{"<": l < r, "<=": l <= r, ">": l > r, ">=": l >= r, "==": l == r, "!=": l != r}[x.op]
		if !ok {
			return false, nil
		}
	}
	return true, nil
}

// sum is a sum of products of W, R, N and numbers.
func sum(text string, numbers map[string]int) (int, error) {
	total := 0
	for term := range strings.SplitSeq(text, "+") {
		product := 1
		for factor := range strings.SplitSeq(term, "*") {
			factor = strings.TrimSpace(factor)
			n, err := strconv.Atoi(factor)
			if err != nil {
				var ok bool
				if n, ok = numbers[factor]; !ok {
					return 0, fmt.Errorf("%q has no value here: W, R and N are known for quorumkv and for Cassandra's counted levels; else compare write, read, target or faults", factor)
				}
			}
			product *= n
		}
		total += product
	}
	return total, nil
}
