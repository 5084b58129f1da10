// Package settings is every setting of a run, once. A setting is one field of Run;
// its tags say what it is called as a flag, in a suite file and in a stored plan, what
// it may be, and what it means. Flags, the keys of suite files and their schema, the
// stored plan, the printed command and the tables of the documentation are loops
// over them.
package settings

//go:generate go test -count=1 -run ^TestPage$ . -update

import (
	"time"
)

// Run holds all settings of a run, as a user gives them and as a stored plan has them. The zero value of a
// field means its default; in a plan all defaults are filled in. The tags of a field:
//
//	flag     its flag; every setting has one
//	yaml     its key in suite files, and in is the part of the file that has it
//	json     its key in stored plans, as encoding/json has it
//	default  what the zero value means, where that is a value
//	zero     what 0 means where it is a value of its own and not the default
//	min, max, oneof   the values that can be
//	kind     how text stands for it, where its type does not say
//	help     what it means
//	example  arguments of a command line that set it, and what goes with it
type Run struct {
	Target     string            `flag:"target" yaml:"kind" in:"target" json:"target" default:"quorumkv" help:"database to test, such as quorumkv or postgres; lapse list targets has them" example:"--target postgres"`
	Provider   string            `flag:"provider" yaml:"provider" in:"target" json:"provider" default:"auto" help:"where nodes run: auto, sandbox, local, docker, external or, for lapse run alone, kubernetes; the same for all targets of a suite" example:"--provider local"`
	Nodes      int               `flag:"nodes" yaml:"nodes" in:"target" json:"nodes" min:"0" max:"1000" help:"number of nodes (default: the target's)" example:"--nodes 5"`
	Topology   string            `flag:"topology" yaml:"topology" in:"target" json:"topology,omitempty" help:"regions with how many of the nodes are in each, for the whole run, such as eu=2,us=1; goes with latency" example:"--topology eu=2,us=1 --latency eu-us=80ms --nodes 3"`
	Latency    string            `flag:"latency" yaml:"latency" in:"target" json:"latency,omitempty" help:"round trips between the regions, and between clients and a region, such as eu-us=80ms,clients-us=60ms; others take no time (needs provider sandbox or local)" example:"--latency eu-us=80ms --topology eu=2,us=1 --nodes 3"`
	WriteLevel string            `flag:"write-level" yaml:"levels" in:"matrix" json:"write_level" help:"consistency level of writes, as the database spells it" example:"--write-level 2"`
	ReadLevel  string            `flag:"read-level" yaml:"levels" in:"matrix" json:"read_level" help:"consistency level of reads, as the database spells it" example:"--read-level ONE"`
	Options    map[string]string `flag:"set" yaml:"options" in:"target" json:"options,omitempty" help:"settings of the target, as flags name=value (repeatable)" example:"--set read_repair=off --set fsync=false"`
	Image      string            `flag:"image" yaml:"image" in:"target" json:"image,omitempty" help:"container image of the nodes, instead of the official one of the target (goes with provider docker or kubernetes)" example:"--image registry.example/postgres:16 --target postgres --provider docker"`
	At         []string          `flag:"at" yaml:"at" in:"target" json:"at,omitempty" help:"test a cluster that is there already: host:port of each node, a postgres:// address or connection string, a DynamoDB endpoint, or k8s:NAMESPACE/SELECTOR for pods of Kubernetes (repeatable, or a comma list); no passwords, those come from the environment (docs/providers.md)" example:"--at 127.0.0.1:7001,127.0.0.1:7002,127.0.0.1:7003"`
	Operator   string            `flag:"operator" yaml:"operator" in:"target" json:"operator,omitempty" kind:"document" help:"with at: YAML file with the commands that cut, heal, kill, start, pause and resume its nodes, or the commands themselves in braces" example:"--operator '{\"timeout\":\"20s\",\"all\":{\"kill\":\"stop it\",\"start\":\"start it\"}}' --at 127.0.0.1:7001,127.0.0.1:7002,127.0.0.1:7003"`

	Workload        string            `flag:"workload" yaml:"workload" in:"settings" json:"workload" default:"register" help:"what clients do" example:"--workload hot"`
	WorkloadOptions map[string]string `flag:"workload-set" yaml:"workloadOptions" in:"settings" json:"workload_options,omitempty" help:"settings of the workload, as flags name=value (repeatable)" example:"--workload-set skew=1.4 --workload hot"`
	Weights         string            `flag:"weights" yaml:"weights" in:"settings" json:"weights,omitempty" kind:"shares" help:"shares of the operations, such as read=3,write=1" example:"--weights read=3,write=1"`
	Keys            int               `flag:"keys" yaml:"keys" in:"settings" json:"keys,omitempty" min:"0" max:"1000000" help:"keys in use at a time (default: the workload's)" example:"--keys 7"`
	OpsPerKey       int               `flag:"ops-per-key" yaml:"opsPerKey" in:"settings" json:"ops_per_key,omitempty" min:"0" max:"100000000" help:"operations after which a key is retired (default: the workload's)" example:"--ops-per-key 90"`
	MaxInfoPerKey   int               `flag:"max-info-per-key" yaml:"maxInfoPerKey" in:"settings" json:"max_info_per_key,omitempty" min:"0" max:"100000000" help:"indeterminate operations after which a key is retired (default 8)" example:"--max-info-per-key 5"`
	Session         string            `flag:"session" yaml:"session" in:"settings" json:"session" default:"roam" oneof:"stay,roam,travel" help:"stay: a session keeps to its node; roam: it asks another node each time; travel: the same, and goes on at another driver after every ten operations" example:"--session stay"`
	Concurrency     string            `flag:"concurrency" yaml:"concurrency" in:"settings" json:"concurrency" kind:"number" default:"2n" help:"clients at once: a number, or a multiple of the nodes such as 2n" example:"--concurrency 9"`
	Rate            float64           `flag:"rate" yaml:"rate" in:"settings" json:"rate" default:"200" min:"0" max:"10000000" zero:"as fast as answers come" help:"operations a second over all clients; 0: as fast as answers come" example:"--rate 0"`
	Duration        time.Duration     `flag:"duration" yaml:"duration" in:"settings" json:"duration" default:"30s" min:"1s" max:"240h" help:"how long the load lasts" example:"--duration 21s"`
	OpTimeout       time.Duration     `flag:"op-timeout" yaml:"opTimeout" in:"settings" json:"op_timeout" default:"2s" min:"1ms" max:"240h" help:"deadline of each operation" example:"--op-timeout 700ms"`
	Drivers         int               `flag:"drivers" yaml:"drivers" in:"settings" json:"drivers,omitempty" min:"0" max:"64" help:"processes that carry out what clients do, on other machines too, each started with lapse drive (docs/drivers.md); 0: the run does it itself" example:"--drivers 2 --provider local"`
	DriverListen    string            `flag:"driver-listen" yaml:"driverListen" in:"settings" json:"driver_listen,omitempty" help:"host:port where drivers ask to join (default: 127.0.0.1:7399)" example:"--driver-listen 127.0.0.1:7398 --drivers 2 --provider local"`
	Settle          time.Duration     `flag:"settle" yaml:"settle" in:"settings" json:"settle" default:"500ms" min:"1ms" max:"240h" help:"pause between the last healing and the final reads" example:"--settle 2s"`

	Faults        string        `flag:"faults" yaml:"faults" in:"matrix" json:"faults,omitempty" kind:"names" help:"what to break: quick, standard or thorough, or faults by their names, such as partition,kill,pause" example:"--faults partition-one,kill"`
	FaultInterval time.Duration `flag:"fault-interval" yaml:"faultInterval" in:"settings" json:"fault_interval,omitempty" min:"1ms" max:"240h" help:"time between faults (default: chosen by the duration)" example:"--fault-interval 6s --faults kill"`
	FaultHold     time.Duration `flag:"fault-hold" yaml:"faultHold" in:"settings" json:"fault_hold,omitempty" min:"1ms" max:"240h" help:"how long a fault lasts (default: chosen by the duration)" example:"--fault-hold 4s --faults kill"`
	Detection     time.Duration `flag:"detection" yaml:"detection" in:"settings" json:"detection,omitempty" min:"1ms" max:"240h" help:"how long the database takes to find out by itself that a node is gone: some faults last longer, some shorter (default: what follows from the target's settings; not known with at and of exec)" example:"--detection 10s --faults kill"`
	FaultMode     string        `flag:"fault-mode" yaml:"faultMode" in:"settings" json:"fault_mode,omitempty" default:"one-at-a-time" oneof:"one-at-a-time,mixed" help:"one-at-a-time, or mixed: two faults at a time, such as a killed node behind a cut" example:"--fault-mode mixed --faults kill,partition-one"`
	Linger        string        `flag:"linger" yaml:"linger" in:"settings" json:"linger,omitempty" default:"auto" oneof:"auto,on,off" help:"readers besides the clients that stay at a node that a fault hits, and read often right after it is healed; auto: where the database deposes such a node" example:"--linger on --faults kill"`
	Script        string        `flag:"schedule" yaml:"schedule" in:"settings" json:"schedule_given,omitempty" kind:"document" help:"JSON file with the schedule of faults, in place of a drawn one, or the schedule itself in braces" example:"--schedule '{\"version\":1,\"seed\":1,\"mode\":\"one-at-a-time\",\"nodes\":[\"n1\",\"n2\",\"n3\"],\"faults\":[\"kill\"],\"duration_ns\":30000000000,\"steps\":[{\"at_ns\":1000000000,\"hold_ns\":3000000000,\"fault\":\"kill\",\"nodes\":[\"n2\"]}]}'"`

	StopOnViolation bool   `flag:"stop-on-violation" yaml:"stopOnViolation" in:"settings" json:"stop_on_violation,omitempty" help:"end the load at the first violation that is found while it runs, heal, read and check as ever (default: go on)" example:"--stop-on-violation"`
	OnViolation     string `flag:"on-violation" yaml:"onViolation" in:"settings" json:"-" help:"command that gets the first violation of each model as JSON on its standard input, or an http or https URL that gets it, with variables of the environment as ${NAME} (docs/watching.md); stored nowhere" example:"--on-violation 'cat >> found.json'"`

	Models string `flag:"model" yaml:"model" in:"claims" json:"models" kind:"names" help:"consistency models to check, comma-separated (default: the workload's)" example:"--model regular,read-your-writes"`
	Seed   uint64 `flag:"seed" yaml:"seed" in:"file" json:"seed" max:"9007199254740991" help:"seed of every random choice (default: drawn and printed)" example:"--seed 77"`
	// Seeded says that Seed was given: 0 is a seed.
	Seeded bool

	// said has a bit for each setting that was given, by the index of its field, and filled says that defaults were
	// filled in, so that a value that is there need not have been given (see Open).
	said   uint64
	filled bool
}
