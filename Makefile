# Two commands matter: `make run` (the main job, only Go needed) and `make test`.
GO      ?= go
# Static: no C compiler is needed, and the one binary serves quorumkv in any container.
export CGO_ENABLED ?= 0
# Nobody debugs what is built here with DWARF, which -s -w keeps out of the binaries: compilers that write none take less of the processor, and so do those
# whose collector lets more lie about. The flag is one for all that make runs, so that what one command has compiled the next one finds; one's own comes after it.
NODWARF := -gcflags=all=-dwarf=false
export GOFLAGS := $(strip $(NODWARF) $(filter-out $(NODWARF),$(shell $(GO) env GOFLAGS 2>/dev/null)))
GOBUILD := GOGC=400 $(GO) build
BIN     := bin/lapse
# lapse with its own store alone, for the first try: no driver of another database has to be built, and compilers that inline nothing and collect only
# what goes beyond 512 MiB take a quarter less time. Whoever has built all of lapse tries that.
BUILTIN := bin/lapse-builtin
QUICK   := GOGC=off GOMEMLIMIT=512MiB $(GO) build -gcflags='all=-dwarf=false -l'
TRIED   := $(if $(wildcard $(BIN)),$(BIN),$(BUILTIN))
# grpcnotrace leaves out gRPC's own tracing pages, without which the linker can drop methods that nobody calls: 15 MB.
TAGS    := grpcnotrace
LINT    := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
TEMPL   := github.com/a-h/templ/cmd/templ@v0.3.1118
DEMO    := run --target quorumkv --nodes 3 --workload session --model read-your-writes,linearizable \
           --faults partition --duration 12s --rate 400 --seed 7
CORRECT := --set read_repair=blocking --set write_timestamps=quorum

.PHONY: always build run test test-cassandra test-etcd test-mysql test-patroni test-kubernetes acceptance killed-faults overhead suites soak record hunt-power differential race lint pages bench bench-stream bench-readers bench-quorumkv clean

build: $(BIN)

# Always asked for, because the Go tool knows best what is up to date.
$(BIN): always
	$(GOBUILD) -ldflags="-s -w" -tags $(TAGS) -o $(BIN) ./cmd/lapse

$(BUILTIN): always
	$(QUICK) -ldflags="-s -w" -tags lapse_builtin,$(TAGS) -o $(BUILTIN) ./cmd/lapse

# A store that forgets at W=1, R=1 under a partition, and the same seed and
# faults at W=2, R=2 with blocking read repair, where it does not.
run: $(TRIED)
	$(TRIED) $(DEMO) --write-level 1 --read-level 1 --expect violated
	@echo
	$(TRIED) $(DEMO) --write-level 2 --read-level 2 $(CORRECT) --expect held

# `make test` has one cluster of three Cassandra nodes. Those that wait for failure
# detectors take ten minutes and two cores for themselves: they have a command of
# their own.
CLUSTERS := TestTwoNodes|TestThreeNodes|TestTwoCentres

# What starts no server is tested first; the same flags make the second call take its results as they are.
SERVERLESS := ./checkers/... ./harness/... ./history/... ./internal/... ./nemesis/... ./quorumkv/... ./settings/... ./suites/... ./workloads/...
# Tests that may go side by side wait for clocks, failovers and faults for most of their time: four at a time on two cores.
TESTFLAGS  := -timeout 40m -parallel 4 -skip '^($(CLUSTERS))$$'

# Against the real servers, in containers too: .ci/packages and .ci/engine see to what that needs. What cannot be run fails and says why.
# Two packages at a time: one alone leaves two cores idle for two thirds of the time.
test:
	.ci/packages
	.ci/demo
	$(GO) vet ./...
	$(GO) vet -tags lapse_builtin ./cmd/lapse
	$(GO) test -tags lapse_builtin -run '^TestBuiltin' ./cmd/lapse
	$(MAKE) --no-print-directory lint
	$(GO) test -p 2 $(TESTFLAGS) $(SERVERLESS)
	.ci/engine $(GO) test -p 2 $(TESTFLAGS) ./...

test-cassandra:
	$(GO) test -count=1 -timeout 60m ./targets/cassandra
	.ci/engine $(GO) test -count=1 -timeout 20m -run '^TestThreeNodes$$' ./targets/cluster/docker

# etcd's other versions, built from their modules, and what a lock protects: five minutes, and five more of building at first.
test-etcd:
	$(GO) vet -tags acceptance ./targets/etcd
	$(GO) test -tags acceptance -count=1 -v -timeout 30m -run '^(TestLocks|TestVersions)$$' ./targets/etcd

# What docs/targets/mysql.md has figures of, run by run: what breaks, and what holds one setting apart. Ten minutes.
test-mysql:
	$(GO) vet -tags acceptance ./targets/mysql
	$(GO) test -tags acceptance -count=1 -v -timeout 60m -run '^TestAcceptance$$' ./targets/mysql

# What each of Patroni's settings lets happen and what it prevents, forced. Ten minutes.
test-patroni:
	.ci/packages
	$(GO) vet -tags acceptance ./targets/postgres
	$(GO) test -tags acceptance -count=1 -v -timeout 30m -run '^TestPatroni' ./targets/postgres

# docs/kubernetes.md on a real API server, scheduler, controllers, kubelet and containerd, as root, with cgroup v1; nothing is left of them. Fourteen minutes, and
# at first twenty more, in which Kubernetes is built from its modules.
test-kubernetes:
	$(GO) vet -tags acceptance ./targets/cluster/kubernetes
	$(GO) test -tags acceptance -count=1 -v -timeout 90m -run '^TestReal(Cluster|Provider)$$' ./targets/cluster/kubernetes

# Five runs of a minute for every claim about Cassandra's levels.
acceptance:
	$(GO) vet -tags acceptance ./targets/cassandra
	$(GO) test -tags acceptance -count=1 -v -timeout 90m -run '^TestAcceptance$$' ./targets/cassandra

# kill -9 of the harness in the middle of each fault that there is: nothing stays. `make test` has three of them. Three minutes.
killed-faults:
	.ci/packages
	LAPSE_FAULTS=all $(GO) test -count=1 -v -timeout 60m -run '^TestKilledInTheMiddleOfAFault$$' ./conformance

# What a session adds to a bare loop over the same driver: the ratio, in one run.
overhead:
	$(GO) test -p 1 -run '^$$' -bench Overhead -benchtime 3000x ./targets/postgres ./targets/cassandra ./targets/dynamodb ./targets/etcd ./targets/mysql ./targets/redis ./targets/nats

# The shipped suites, each on its real systems.
suites: build
	for s in quorum-basics read-your-writes replica-lag failover replication multi-leader consistent-hashing range-partitions transactions leases tenants isolation last-write-wins hot-partition local-quorum regions galera smoke targets/exec/examples/smoke.yaml; do $(BIN) run $$s || exit 1; done

# Correct configurations of every database under every fault, one after the other: two hours. --resume goes on.
soak: build
	$(BIN) run soak

# The track record: every finding on a real system, and its control.
record: build
	$(BIN) run known-findings

# How long it takes until the first violation of quorumkv's planted defects, by lapse run with one seed after the other and by
# lapse hunt, taking turns: the medians of TRIES. All defects with twenty tries take hours; DEFECTS=stale-cache,read-one are two.
# BEFORE=PATH has lapse run be that of another build, and RUN_WITH what it is told besides.
TRIES   ?= 20
DEFECTS ?=
CAP     ?= 5m
BEFORE  ?=
RUN_WITH ?= --faults thorough --duration 30s
hunt-power:
	$(GO) vet -tags acceptance ./cmd/lapse
	LAPSE_TRIES=$(TRIES) LAPSE_DEFECTS='$(DEFECTS)' LAPSE_CAP=$(CAP) LAPSE_RUN='$(RUN_WITH)' LAPSE_BEFORE='$(BEFORE)' $(GO) test -tags acceptance -count=1 -v -timeout 72h -run '^TestHuntPower$$' ./cmd/lapse | grep --line-buffered -v -e '^=== ' -e '^---'

# Every checker against brute force written from the definition, on ROUNDS random
# histories from the seed SEED on; then against a second algorithm, and each
# witness again, on ROUNDS/20 larger ones. An ordinary test takes a few thousand.
ROUNDS ?= 100000
SEED   ?= 0
differential: SHELL := bash -o pipefail
differential:
	LAPSE_SEED=$(SEED) LAPSE_ROUNDS=$(ROUNDS) $(GO) test -count=1 -v -p 1 -timeout 60m -run 'Against|BruteForce|Exhaustive|Sound|Definition|WriteOrder|OddRegisters' ./checkers/... | grep -v -e '^=== ' -e 'no test'
	LAPSE_SEED=$(SEED) LAPSE_ROUNDS=$$(($(ROUNDS)/20)) $(GO) test -count=1 -v -p 1 -timeout 60m -run 'DifferentialSearch|VerdictsAndWitnesses|Lattice$$|Delta$$' ./checkers/... | grep -v -e '^=== ' -e 'no test'

race:
	CGO_ENABLED=1 $(GO) test -race -timeout 30m ./history/... ./workloads/... ./nemesis/... ./harness/... ./results/... ./runs/... ./checkers/... ./quorumkv/...

lint:
	$(GO) run $(LINT) run

# The Go code of the reports' pages, from their templates.
pages:
	$(GO) run $(TEMPL) generate -path results/report

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./history/... ./workloads/... ./checkers/... ./harness/...

# lapse check of a file part by part against lapse check of it in memory, OPS operations: time, processor time and
# peak memory of both, each a process of its own. The whole of ten million takes three gigabytes; WHOLE=0 leaves it out. BEFORE is the
# lapse of another commit, which checks the file too.
OPS    ?= 10000000
WHOLE  ?= 1
BEFORE ?=
bench-stream:
	LAPSE_OPS=$(OPS) LAPSE_WHOLE=$(WHOLE) LAPSE_BEFORE='$(BEFORE)' $(GO) test -run '^$$' -bench CheckStream -benchtime 1x -timeout 60m ./cmd/lapse

# Each reader of a format on a file of OPS operations, which is made for it: processor time and peak memory of a process that reads it and ends, the medians
# of READS. BEFORE is a program, called with the file and the name of its format, that does the same with other readers, in turn; FILES=kv.log,txns.awdit
# leaves the others out.
READS  ?= 5
FILES  ?=
bench-readers: OPS = 1000000
bench-readers:
	LAPSE_OPS=$(OPS) LAPSE_ROUNDS=$(READS) LAPSE_BEFORE='$(BEFORE)' LAPSE_FILES='$(FILES)' $(GO) test -run '^$$' -bench Readers -benchtime 1x -timeout 60m ./history/formats

# quorumkv's modes leaderless (W=2, R=2) and raft beside etcd 3.6, three processes each, in turn, ROUNDS times: requests a second and processor time of writes, of
# linearizable reads and of both, and memory. Every acknowledged write is synced, below TMPDIR. Two minutes, and at first two more to build etcd.
# SYSTEMS=raft,etcd leaves one out.
SYSTEMS ?=
bench-quorumkv: ROUNDS = 3
bench-quorumkv: QUICK = $(GOBUILD)
bench-quorumkv: $(BUILTIN)
	LAPSE_PROGRAM=$(CURDIR)/$(BUILTIN) LAPSE_ROUNDS=$(ROUNDS) LAPSE_SYSTEMS='$(SYSTEMS)' $(GO) test -count=1 -run '^$$' -bench Compare -benchtime 1x -timeout 60m ./quorumkv/compare

clean:
	rm -rf bin
