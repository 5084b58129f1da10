package main

import "github.com/spf13/pflag"

// addAtFlags adds the flags that name a cluster that somebody else runs.
func addAtFlags(f *pflag.FlagSet, at *[]string, operator *string) {
	f.StringArrayVar(at, "at", nil, "test a cluster that is there already: host:port of each node, a postgres:// address or connection string, or a DynamoDB endpoint (repeatable, or a comma list); no passwords, those come from the environment (docs/providers.md)")
	f.StringVar(operator, "operator", "", "YAML file with the commands that cut, heal, kill, start, pause and resume the nodes of --at")
}
