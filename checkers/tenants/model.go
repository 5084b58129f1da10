package tenants

import (
	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/models"
)

// Model is the model's name.
const Model = models.IsolationOfTenants

// The anomalies, by the way in which a value leaked.
const (
	Read   = "cross-tenant read"
	Scan   = "cross-tenant list"
	Backup = "cross-tenant backup"
)

// Models is the model of this package. It is not comparable with those of registers: a store may keep every promise to each tenant
// and show its values to another, and one that loses all that it is given leaks nothing.
func Models() []checkers.Model {
	return []checkers.Model{{
		Family:  checkers.DataTypes,
		Name:    Model,
		Meaning: "no tenant sees a value that only others have written",
		Risk:    "reads, lists and backups",
		New:     New,
		Refute:  refute.Definition(refuted),
	}}
}
