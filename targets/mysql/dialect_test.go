package mysql

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/external"
)

func TestDialectLevels(t *testing.T) {
	target, err := Target{}.External([]string{"db1,db2"})
	must(t, err)
	for _, c := range []struct {
		cfg  targets.Config
		want string
	}{
		{targets.Config{}, ""},
		{targets.Config{Options: map[string]string{external.OptDialect: "tidb"}}, ""},
		{targets.Config{Options: map[string]string{external.OptDialect: "tidb", optIsolation: "serializable"}}, "TiDB has REPEATABLE-READ, READ-COMMITTED"},
		{targets.Config{ReadLevel: readReplica, Options: map[string]string{external.OptDialect: "tidb"}}, "TiDB is read at any"},
		{targets.Config{ReadLevel: readReplica, Options: map[string]string{external.OptDialect: "aurora"}}, ""},
		{targets.Config{Options: map[string]string{external.OptDialect: "aurora", optIsolation: "serializable"}}, ""},
		{targets.Config{Options: map[string]string{external.OptDialect: "vitess", optIsolation: "serializable"}}, ""},
		{targets.Config{ReadLevel: readReplica, Options: map[string]string{external.OptDialect: "vitess"}}, "Vitess is read at any"},
		{targets.Config{Options: map[string]string{external.OptDialect: "tipd"}}, "must be one of"},
	} {
		_, err := target.Resolve(c.cfg)
		var usage *targets.UsageError
		if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &usage) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v, want %q", c.cfg, err, c.want)
		}
	}
}

func TestDialectPromises(t *testing.T) {
	target, err := Target{}.External([]string{"db1,db2"})
	must(t, err)
	for _, c := range []struct{ dialect, read, isolation, model, want string }{
		{"mysql", readPrimary, serializable, models.Serializable, "nothing"},
		{"aurora", readPrimary, serializable, models.Serializable, "true"},
		{"aurora", readReplica, serializable, models.Serializable, "nothing"},
		{"aurora", readReplica, serializable, models.ReadYourWrites, "false"},
		{"tidb", readAny, repeatableRead, models.SnapshotIsolation, "false"},
		{"tidb", readAny, readCommitted, models.ReadCommitted, "true"},
		{"vitess", readAny, serializable, models.Serializable, "false"},
		{"vitess", readAny, repeatableRead, models.SnapshotIsolation, "false"},
		{"vitess", readAny, readCommitted, models.ReadCommitted, "nothing"},
	} {
		cfg, err := target.Resolve(targets.Config{ReadLevel: c.read, Options: map[string]string{external.OptDialect: c.dialect, optIsolation: c.isolation}})
		must(t, err)
		got := "nothing"
		if promised, said := target.(targets.Promiser).Promises(cfg, nil)[c.model]; said {
			got = fmt.Sprint(promised)
		}
		if got != c.want {
			t.Errorf("%s at %s, %s: %s is promised: %s, want %s", c.dialect, c.read, c.isolation, c.model, got, c.want)
		}
	}
}
