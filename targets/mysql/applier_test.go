package mysql

import (
	"fmt"
	"testing"

	"github.com/lapse-test/lapse/history"
)

// trapAppliers gives n2 triggers of its own at which its appliers wait as long as a global variable has a value: then it applies nothing of
// what others write to registers. No lock is held that an applier would break, and reads go on. The first function sets and the second opens
// the trap, the third takes it away.
func (d *deployment) trapAppliers() (set, open, remove func()) {
	const node, held, free = 1, 4711, 100
	order := func(statement string) { must(d.t, d.order(d.ctx, node, statement)) }
	// A change of the table waits for a commit here, which waits for the applier's turn, and the applier waits behind the change: nobody breaks that
	// circle, and who changes the table is the one who can step back.
	change := func(statements ...string) {
		for _, statement := range statements {
			d.await(statement, func() error {
				return d.order(d.ctx, node, "USE "+d.database, "SET SESSION wsrep_on = OFF, lock_wait_timeout = 1", statement)
			})
		}
	}
	is := func(v int) func() { return func() { order(fmt.Sprintf("SET GLOBAL max_connect_errors = %d", v)) } }
	for _, when := range []string{"INSERT", "UPDATE"} {
		change(fmt.Sprintf(`CREATE TRIGGER trap_%s BEFORE %s ON registers FOR EACH ROW
BEGIN WHILE @@GLOBAL.max_connect_errors = %d DO DO SLEEP(0.01); END WHILE; END`, when, when, held))
	}
	order("SET GLOBAL slave_run_triggers_for_rbr = 'YES'")
	return is(held), is(free), func() {
		change("DROP TRIGGER trap_INSERT", "DROP TRIGGER trap_UPDATE")
		order("SET GLOBAL slave_run_triggers_for_rbr = 'NO'")
	}
}

// applierHeld: at a node that applies nothing each read level shows what is promised at it and what is not.
func applierHeld(t *testing.T, d *deployment) {
	set, open, remove := d.trapAppliers()
	for i, level := range readLevels[topologyGalera] {
		t.Run(level, func(t *testing.T) {
			set()
			defer open()
			d.behind(t, "", level, history.Key(700+5*i), map[string]string{optTopology: topologyGalera})
		})
	}
	remove()
}
