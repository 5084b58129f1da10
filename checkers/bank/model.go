package bank

import (
	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/models"
)

// Model is the name of the model.
const Model = models.Bank

// Overdrawn is Model where balances may be negative.
const Overdrawn = "bank-negative-balances"

// The anomalies of a bank.
const (
	WrongTotal      = "wrong total"
	NegativeBalance = "negative balance"
	MissingAccount  = "missing account"
)

// Models are the models of this package.
func Models() []checkers.Model {
	return []checkers.Model{{
		Family:  checkers.DataTypes,
		Name:    Model,
		Meaning: "transfers between accounts keep the total, as every read of all accounts sees it",
		Implies: []string{Overdrawn},
		Risk:    "reads",
		New:     func() checkers.Checker { return New() },
		Refute:  refute.Definition(refuted),
	}, {
		Family:  checkers.DataTypes,
		Name:    Overdrawn,
		Meaning: "as " + Model + ", where balances may be negative",
		Risk:    "reads",
		New:     func() checkers.Checker { return NewOverdrawn() },
		Refute:  refute.Definition(refuted),
	}}
}
