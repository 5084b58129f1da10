package workloads

import (
	"slices"
	"strings"

	"github.com/lapse-test/lapse/internal/spelling"
)

// All are the workloads there are, in the order in which they are shown. A
// workload is added by one file and one line here.
func All() []Workload {
	return []Workload{
		registerWorkload(),
		sessionWorkload(),
		hotWorkload(),
		causalWorkload(),
		appendWorkload(),
		txnRegisterWorkload(),
		bankWorkload(),
		longForkWorkload(),
		setWorkload(),
		mapWorkload(),
		queueWorkload(),
		counterWorkload(),
		uniqueWorkload(),
		lockWorkload(),
		watchWorkload(),
		tenantsWorkload(),
	}
}

// Names are the names of All.
func Names() []string {
	all := All()
	names := make([]string, len(all))
	for i, w := range all {
		names[i] = w.Name()
	}
	return names
}

// ByName is the workload with that name, or a *UsageError that lists those
// there are.
func ByName(name string) (Workload, error) {
	all := All()
	i := slices.IndexFunc(all, func(w Workload) bool { return w.Name() == name })
	if i < 0 {
		return nil, usagef("unknown workload %q%s; there are: %s", name, spelling.Hint(name, Names()), strings.Join(Names(), ", "))
	}
	return all[i], nil
}
