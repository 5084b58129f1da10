package bank

import (
	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/refute"
)

// Model is the model's name.
const Model = "bank"

// The anomalies of a bank.
const (
	WrongTotal      = "wrong total"
	NegativeBalance = "negative balance"
	MissingAccount  = "missing account"
)

// Models is the model of this package.
func Models() []checkers.Model {
	return []checkers.Model{{
		Name:    Model,
		Meaning: "transfers between accounts keep the total, as every read of all accounts sees it",
		Risk:    "reads",
		New:     func() checkers.Checker { return New() },
		Refute:  refute.Definition(refuted),
	}}
}
