package sandboxtest

import "flag"

// Waiting is for TestMain, before anything else: its tests wait most of the time, for faults
// and for what heals, and do no harm to each other. More of them than there are processors run
// side by side then, unless the command line says how many (-parallel). It parses the flags.
func Waiting() {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == flagParallel })
	if !given {
		_ = flag.Set(flagParallel, "4") // the testing package has this flag
	}
}

const flagParallel = "test.parallel"
