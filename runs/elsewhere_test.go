package runs

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/registry"
)

// someHost says where nodes would be.
type someHost struct{ cluster.Host }

func (someHost) Whereabouts(nodes, _ int) cluster.Whereabouts {
	return cluster.Whereabouts{Name: "ns", Hosts: []string{"db-0.db", "db-1.db", "db-2.db", "db-3.db", "db-4.db"}[:nodes], At: "k8s:ns/a=b?in-cluster"}
}

func elsewhere(ctx context.Context, r Request) (*Elsewhere, error) {
	r.Provider = "kubernetes"
	return PlanElsewhere(ctx, r, Environment{Targets: registry.All(), Providers: registry.Providers(), Log: slog.New(slog.DiscardHandler)}, someHost{})
}

// TestPlanElsewhere: the command there is told what the clients have to know, and the nodes are made with the rest.
func TestPlanElsewhere(t *testing.T) {
	there, err := elsewhere(t.Context(), Request{
		Target: "quorumkv", Nodes: 5, WriteLevel: "2", ReadLevel: "2", Workload: "session", Faults: "partition,reschedule", Duration: time.Minute,
		Seed: 7, Seeded: true, Image: "some/image", Options: map[string]string{"write_timestamps": "quorum", "read_repair": "blocking", "replication": "3", "hinted_handoff": "false"},
	})
	if err != nil {
		t.Fatal(err)
	}
	e := there.Errand
	if e.Nodes != 5 || !e.Enters || !slices.Equal(e.Removals, []cluster.Removal{cluster.Deletion}) || e.Lasts != time.Minute || e.Pods.Image != "some/image" {
		t.Errorf("%+v", e)
	}
	for _, want := range []string{"--write-timestamps quorum", "--read-repair blocking", "--hinted-handoff=false", "--peers db-4=db-4.db:7400", "--node $(NODE)"} {
		if args := strings.Join(e.Pods.Args, " "); !strings.Contains(args, want) {
			t.Errorf("the nodes are not told %q: %s", want, args)
		}
	}
	args := strings.Join(e.Args, " ")
	for _, want := range []string{"run ", "--at k8s:ns/a=b?in-cluster", "--seed 7", "--set read_repair=blocking", "--set write_timestamps=quorum", "--faults partition,reschedule", "--nodes 5"} {
		if !strings.Contains(args, want) {
			t.Errorf("the command is not told %q: %s", want, args)
		}
	}
	for _, not := range []string{"hinted_handoff", "some/image"} {
		if strings.Contains(args, not) {
			t.Errorf("the command is told %q: %s", not, args)
		}
	}
}

// TestPlanElsewhereRefuses what could not be carried out there.
func TestPlanElsewhereRefuses(t *testing.T) {
	for says, r := range map[string]Request{
		"target cassandra is not made as pods; these are: quorumkv": {Target: "cassandra"},
		"--at names a cluster that is there already":                {Target: "quorumkv", At: []string{"a:1"}},
		"--operator op.yaml: its commands are for":                  {Target: "quorumkv", Operator: "op.yaml"},
		"--drivers: nobody else reaches":                            {Target: "quorumkv", Drivers: 2},
		"--on-violation: it may be a secret":                        {Target: "quorumkv", OnViolation: "https://a.example/b"},
		"pods are driven in mode leaderless":                        {Target: "quorumkv", Options: map[string]string{"mode": "raft"}},
		"all pods are alike":                                        {Target: "quorumkv", Options: map[string]string{"defects": "ack-before-quorum@n1"}},
		"--set tls and --set members: pods are made without them":   {Target: "quorumkv", Options: map[string]string{"tls": "on"}},
		"--nodes 99: target quorumkv runs with":                     {Target: "quorumkv", Nodes: 99},
		"unknown workload \"nonsense\"":                             {Target: "quorumkv", Workload: "nonsense"},
	} {
		_, err := elsewhere(t.Context(), r)
		var usage *targets.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
	if _, err := Plan(t.Context(), Request{Target: "quorumkv", Provider: "kubernetes"}, Environment{Targets: registry.All(), Providers: registry.Providers(), Log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), "only lapse run gives it one") {
		t.Errorf("a plan for here: %v", err)
	}
}
