package conformance_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// TestPowerFailures: what quorumkv has acknowledged survives a power failure of all nodes if it
// was synced, and does not if it was not: runs that differ in that alone.
func TestPowerFailures(t *testing.T) {
	binary := buildLapse(t)
	for _, mode := range []string{"leaderless", "raft"} {
		for _, synced := range []bool{true, false} {
			fsync := map[bool]string{true: "true", false: "false"}[synced]
			t.Run(mode+" fsync="+fsync, func(t *testing.T) {
				args := []string{"run", "--target", "quorumkv", "--provider", "sandbox", "--set", "mode=" + mode, "--set", "fsync=" + fsync, "--faults", "power-failure-all",
					"--duration", "10s", "--rate", "200", "--seed", "5", "--model", "no-lost-writes", "--out", t.TempDir(), "--progress", "plain"}
				if mode == "leaderless" {
					args = append(args, "--set", "read_repair=blocking", "--set", "write_timestamps=quorum")
				}
				out, err := exec.CommandContext(t.Context(), binary, args...).CombinedOutput()
				code := 0
				if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
					code = ended.ExitCode()
				} else if err != nil {
					t.Fatal(err)
				}
				if want := map[bool]int{true: 0, false: 1}[synced]; code != want || !strings.Contains(string(out), "3 injected, 3 took effect, 3 healed") {
					t.Errorf("exit code %d, want %d:\n%s", code, want, out)
				}
			})
		}
	}
}
