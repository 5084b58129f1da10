package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	dc "github.com/ory/dockertest/v3/docker"

	"github.com/lapse-test/lapse/internal/standin/standintest"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/dynamodb"
)

// withoutJava runs lapse where there is no Java, no Maven and nothing in the cache,
// as on a machine with nothing but Docker.
func withoutJava(t *testing.T, env []string, args ...string) (code int, stderr, home string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("an ordinary user cannot hide what is installed")
	}
	program, err := exec.LookPath("lapse")
	if err != nil {
		t.Fatal(err)
	}
	hide := `for d in /usr/lib/jvm; do [ ! -d $d ] || mount -t tmpfs none $d; done; PATH=/nonexistent exec "$@"`
	cmd := exec.CommandContext(t.Context(), "unshare", append([]string{"-m", "sh", "-c", hide, "sh", program}, args...)...)
	home = t.TempDir()
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}, env...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), errs.String(), home
}

// TestOnlyDocker is a user who has Docker and nothing else.
func TestOnlyDocker(t *testing.T) {
	image := standintest.Image(t, "dynamodb")
	official := dynamodb.Target{}.Spec(targets.Config{Nodes: 1}).Container.Image
	client, err := dc.NewClient("unix:///var/run/docker.sock")
	if err != nil {
		t.Fatal(err)
	}
	// Where the official image cannot be pulled the stand-in has its name for a while.
	if _, err := client.InspectImage(official); err != nil {
		repository, tag := dc.ParseRepositoryTag(official)
		if err := client.TagImage(image, dc.TagImageOptions{Repo: repository, Tag: tag}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := client.RemoveImage(official); err != nil {
				t.Error(err)
			}
		})
	}
	code, stderr, home := withoutJava(t, nil, "run", "--target", "dynamodb", "--duration", "8s", "--rate", "300", "--progress", "none", "--expect", "held")
	if code != verdict.ExitHeld {
		t.Errorf("exit %d: %s", code, stderr)
	}
	for _, says := range []string{"containers of a Docker engine (not sandbox: ", "Java", official} {
		if !strings.Contains(stderr, says) {
			t.Errorf("the first line does not say %q: %s", says, stderr)
		}
	}
	err = filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			t.Errorf("%s was fetched", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestNothingFits has every way named to a user without Java and without Docker.
func TestNothingFits(t *testing.T) {
	code, stderr, _ := withoutJava(t, []string{"DOCKER_HOST=unix:///nonexistent/docker.sock"},
		"run", "--target", "cassandra", "--duration", "5s", "--progress", "none")
	if code != verdict.ExitEnvironment {
		t.Errorf("exit %d", code)
	}
	for _, says := range []string{"openjdk-17-jre-headless", "docker.io", "DOCKER_HOST", "/nonexistent/docker.sock"} {
		if !strings.Contains(stderr, says) {
			t.Errorf("the error does not say %q: %s", says, stderr)
		}
	}
}

func TestImageNeedsContainers(t *testing.T) {
	code, _, stderr := lapse(t, "run", "--provider", "local", "--image", "x:1")
	if code != verdict.ExitUsage || !strings.Contains(stderr, "--provider docker") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// TestClean kills a run with -9 and removes what it left.
func TestClean(t *testing.T) {
	image := standintest.Image(t, "quorumkv")
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "lapse", "run", "--provider", "docker", "--image", image,
		"--progress", "plain", "--progress-interval", "500ms", "--duration", "1m", "--out", dir)
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(50*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	var said []byte
	buf := make([]byte, 4096)
	for !bytes.Contains(said, []byte("  load ")) {
		n, err := errs.Read(buf)
		said = append(said, buf[:n]...)
		if err != nil {
			t.Fatalf("the run ended before it was killed: %s", said)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	code, stdout, stderr := lapse(t, "clean", "--json")
	var removed []cluster.Removed
	if err := json.Unmarshal([]byte(stdout), &removed); code != 0 || err != nil {
		t.Fatalf("exit %d, %v: %s %s", code, err, stdout, stderr)
	}
	kinds := map[string]int{}
	for _, r := range removed {
		kinds[r.Kind]++
	}
	if kinds["container"] != 6 || kinds["network"] != 1 || kinds["directory"] != 1 {
		t.Errorf("removed %v", removed)
	}
	if code, stdout, _ := lapse(t, "clean"); code != 0 || stdout != "nothing was left behind\n" {
		t.Errorf("a second time: exit %d, %q", code, stdout)
	}
}
