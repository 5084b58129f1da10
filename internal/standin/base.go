package standin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	dc "github.com/ory/dockertest/v3/docker"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Base is Debian as debootstrap makes it, like debian:<release>-slim.
func (b *Builder) Base(ctx context.Context) (string, error) {
	release, err := codename("/etc/os-release")
	if err != nil {
		return "", cannot(err)
	}
	repository := "lapse-standin/debian"
	name := repository + ":" + release + "-slim"
	if _, err := b.pool.Client.InspectImage(name); err == nil {
		return name, nil
	} else if !errors.Is(err, dc.ErrNoSuchImage) {
		return "", fmt.Errorf("looking for %s: %w", name, err)
	}
	if os.Geteuid() != 0 {
		return "", cannot(errors.New("debootstrap works only as root, and no base is there yet"))
	}
	program, err := exec.LookPath("debootstrap")
	if err != nil {
		return "", cannot(err)
	}
	b.progress("making " + name + " by debootstrap")
	dir, err := os.MkdirTemp("", "lapse-standin-")
	if err != nil {
		return "", fmt.Errorf("making a base: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // below the directory for temporary files
	root := filepath.Join(dir, "root")
	cmd := exec.CommandContext(ctx, program, "--variant=minbase", release, root)
	mirror, proxy := aptSources(ctx, release)
	if mirror != "" {
		cmd.Args = append(cmd.Args, mirror)
	}
	if proxy != "" {
		cmd.Env = append(os.Environ(), "http_proxy="+proxy)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", cannot(fmt.Errorf("debootstrap: %w\n%s", err, out))
	}
	read, write := io.Pipe()
	defer func() { _ = read.Close() }() // ends the writer, too
	go func() {
		a := newArchive(write)
		write.CloseWithError(errors.Join(a.tree(root, "", slimmed, false), a.close()))
	}()
	err = b.pool.Client.ImportImage(dc.ImportImageOptions{
		Repository: repository, Tag: release + "-slim", Source: "-", InputStream: read, OutputStream: io.Discard, Context: ctx,
	})
	if err != nil {
		return "", fmt.Errorf("importing %s: %w", name, err)
	}
	return name, nil
}

// aptSources are the mirror and the proxy that this machine's own packages come
// from, empty where apt does not tell: then debootstrap takes its own.
func aptSources(ctx context.Context, release string) (mirror, proxy string) {
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI)",
		"Created-By: Packages", "Component: main", "Codename: "+release).Output()
	if err == nil {
		mirror, _, _ = strings.Cut(strings.TrimSpace(string(out)), "\n")
	}
	out, err = exec.CommandContext(ctx, "apt-config", "shell", "P", "Acquire::http::Proxy").Output()
	if err == nil {
		proxy = strings.Trim(strings.TrimPrefix(strings.TrimSpace(string(out)), "P="), "'")
	}
	return mirror, proxy
}

func cannot(err error) error {
	return &cluster.EnvironmentError{
		Doing: "making a base for images", Err: err,
		Way: "run the tests as root on Debian with debootstrap (apt-get install debootstrap), once",
	}
}

// slimmed says what a slim image does without.
func slimmed(rel string) bool {
	for _, p := range []string{"usr/share/doc/", "usr/share/man/", "usr/share/locale/", "var/cache/apt/", "var/lib/apt/lists/", "var/log/", "dev/", "proc/", "sys/"} {
		if strings.HasPrefix(rel, p) {
			return true
		}
	}
	return false
}
