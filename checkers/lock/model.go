package lock

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/models"
)

// The names of the models.
const (
	Mutex     = models.Mutex
	Owned     = models.OwnerMutex
	Reentrant = models.ReentrantMutex
	Fenced    = models.FencedMutex
	Semaphore = "semaphore"
)

// Models are the models of this package.
func Models() []checkers.Model {
	model := func(name, meaning string, implies ...string) checkers.Model {
		return checkers.Model{
			Family: checkers.DataTypes,
			Name:   name, Meaning: meaning, Implies: implies, Risk: "acquisitions",
			New: func() checkers.Checker { return newChecker(name) }, Refute: refuted,
		}
	}
	return []checkers.Model{
		model(Fenced, "as "+Owned+", and each holder is given a greater fencing token than those before", Owned),
		model(Owned, "a lock that one session at a time holds, and that only its holder releases", Mutex, Reentrant),
		model(Reentrant, "a lock that one session at a time holds, as often as it likes, and releases as often"),
		model(Mutex, "a lock that is acquired only when it is free, and released only when it is held"),
		{
			Family: checkers.DataTypes,
			Name:   Semaphore, Meaning: "at most so many permits are held at a time, as in " + Semaphore + ":3; without a number, one",
			Risk: "acquisitions", Parse: Parse, Refute: refuted,
			New: func() checkers.Checker { return &Checker{Semaphore, rules{permits: 1}} },
		},
	}
}

// newChecker is a checker of one of the models without a parameter.
func newChecker(model string) *Checker {
	r := rules{permits: 1}
	r.owned = model != Mutex
	r.reentrant = model == Reentrant
	r.fenced = model == Fenced
	return &Checker{model, r}
}

// Parse is a checker for "semaphore" (one permit) or "semaphore:" and a number of
// permits.
func Parse(name string) (checkers.Checker, error) {
	c, err := rulesOf(name)
	if err != nil {
		return nil, err
	}
	return &Checker{name, c}, nil
}

// rulesOf are the rules of the model of that name, with a parameter or without.
func rulesOf(name string) (rules, error) {
	base, number, given := strings.Cut(name, ":")
	if base != Semaphore {
		return newChecker(name).rules, nil
	}
	n := 1
	if given {
		var err error
		if n, err = strconv.Atoi(number); err != nil || n < 1 || n > 1<<20 {
			return rules{}, fmt.Errorf("%s: expected %s:N with a number of permits N above 0, such as %s:3", name, Semaphore, Semaphore)
		}
	}
	return rules{permits: n}, nil
}
