package quorumkv

import (
	"fmt"
	"net"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/quorumkv/leaderless"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

var _ targets.Podded = (*Target)(nil)

// podUser is who the store runs as in a pod: it needs no rights.
const podUser = 65532

// Pods implements targets.Podded: the store is in lapse's own image.
func (t *Target) Pods(cfg targets.Config, hosts []string) (cluster.Pods, error) {
	o := cfg.Options
	switch {
	case o[optMode] != leaderless.Mode:
		return cluster.Pods{}, targets.Usagef("--set %s=%s: pods are driven in mode %s; let nodes run elsewhere with --provider", optMode, o[optMode], leaderless.Mode)
	case o[optTLS] != off, o[optMembers] != "":
		return cluster.Pods{}, targets.Usagef("--set %s and --set %s: pods are made without them; let nodes run elsewhere with --provider", optTLS, optMembers)
	case strings.Contains(o[optDefects], "@"):
		return cluster.Pods{}, targets.Usagef("--set %s=%s: all pods are alike; name the defect without a node", optDefects, o[optDefects])
	}
	request, err := time.ParseDuration(o[optRequestTimeout])
	if err != nil {
		return cluster.Pods{}, fmt.Errorf("reading %s: %w", optRequestTimeout, err)
	}
	const data = "/data"
	number := strconv.Itoa(port)
	args := []string{
		Name, "serve", "--log-level", "debug", "--node", "$(" + cluster.NodeVariable + ")", "--listen", "0.0.0.0:" + number,
		"--data-dir", path.Join(data, "store"), "--mode", o[optMode], "--fsync=" + o[optFsync], "--request-timeout", request.String(),
	}
	args = append(args, (&System{cfg: cfg}).modeArgs(request)...)
	for _, host := range hosts { // a node leaves itself out
		name, _, _ := strings.Cut(host, ".")
		args = append(args, "--peers", name+"="+net.JoinHostPort(host, number))
	}
	for _, d := range splitDefects(o[optDefects]) {
		args = append(args, "--defects", d.name)
	}
	if o[optDefects] != "" {
		args = append(args, "--testing")
	}
	return cluster.Pods{Image: cfg.Image, Args: args, Data: data, Port: port, User: podUser}, nil
}
