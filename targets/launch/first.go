package launch

import (
	"errors"
	"fmt"
)

// First asks n nodes, one after the other, until one answers, and leaves out those of which asks is false. The error names each that was asked, by name, and
// says when there was none: that nobody was asked is no answer.
func First[T any](n int, name func(int) string, asks func(int) bool, ask func(int) (T, error)) (T, error) {
	var errs []error
	for i := range n {
		if !asks(i) {
			continue
		}
		got, err := ask(i)
		if err == nil {
			return got, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", name(i), err))
	}
	if len(errs) == 0 {
		errs = append(errs, errors.New("there is no node that could be asked"))
	}
	var none T
	return none, errors.Join(errs...)
}
