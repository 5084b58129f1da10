package suite

import (
	_ "embed"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/workloads"
)

// Example is a commented suite file with every part; `lapse init` writes it.
//
//go:embed init.yaml
var Example []byte

//go:embed own-program.yaml
var ownProgram string

// ExampleFor is a suite file to start from for a target that says of itself what it can
// do: with the default levels, each of the faults, and the first workload that it can
// carry out. Options are the target's settings. The error is that there is no such
// workload.
func ExampleFor(info targets.Info, options map[string]string, faults []string) ([]byte, error) {
	all := workloads.All()
	i := slices.IndexFunc(all, func(w workloads.Workload) bool {
		_, err := w.New(workloads.Config{Workers: 2, Nodes: info.DefaultNodes, Funcs: info.Funcs, MaxTxn: info.MaxTxn, TxnUnmixed: info.TxnUnmixed})
		return err == nil
	})
	if i < 0 {
		return nil, targets.Usagef("target %s can do nothing that a workload needs", info.Name)
	}
	var set, claims []string
	for _, name := range slices.Sorted(maps.Keys(options)) {
		set = append(set, name+": "+strconv.Quote(options[name]))
	}
	for _, m := range all[i].Models() {
		claims = append(claims, "      - {model: "+m+", expect: holds}")
	}
	lists := "[]"
	for _, f := range faults {
		lists += ", [" + f + "]"
	}
	return []byte(strings.NewReplacer(
		"[KIND]", info.Name, "[OPTIONS]", "{"+strings.Join(set, ", ")+"}", "[WORKLOAD]", all[i].Name(),
		"[LEVELS]", info.WriteLevels[0]+"/"+info.ReadLevels[0], "[FAULTS]", lists, "[CLAIMS]", strings.Join(claims, "\n"),
	).Replace(ownProgram)), nil
}
