package standin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ory/dockertest/v3"
	dc "github.com/ory/dockertest/v3/docker"

	"github.com/lapse-test/lapse/targets/cluster"
)

//go:embed files
var files embed.FS

// Builder builds images at an engine.
type Builder struct {
	pool *dockertest.Pool
	// Cache is where lapse's fetched software is.
	cache string
	// progress gets a line at a time.
	progress func(string)
}

// NewBuilder is a builder at the engine that DOCKER_HOST names, or the usual one.
func NewBuilder(cache string, progress func(string)) (*Builder, error) {
	pool, err := dockertest.NewPool("")
	if err == nil {
		err = pool.Client.Ping()
	}
	if err != nil {
		return nil, &cluster.EnvironmentError{
			Doing: "building stand-ins for images", Err: fmt.Errorf("no Docker engine answers: %w", err),
			Way: "start one; .ci/engine COMMAND runs a command with one",
		}
	}
	return &Builder{pool: pool, cache: cache, progress: progress}, nil
}

// image is how an image is made.
type image struct {
	name string
	// dockerfile follows FROM; scripts are of this package.
	dockerfile string
	scripts    []string
	// users are lines of /etc/passwd, and with their groups of /etc/group.
	users []string
	// trees are directories of this machine, by where they stand in the context.
	trees map[string]string
	// texts are files of the context.
	texts map[string][]byte
}

// build makes an image, unless it is there, and returns its name.
func (b *Builder) build(ctx context.Context, base string, img image) (string, error) {
	dockerfile := "FROM " + base + "\n" + img.dockerfile
	sum := sha256.New()
	fmt.Fprintln(sum, dockerfile, img.users, img.trees)
	for _, s := range img.scripts {
		text, err := files.ReadFile("files/" + s)
		if err != nil {
			return "", err
		}
		sum.Write(text)
	}
	for _, at := range slices.Sorted(maps.Keys(img.texts)) {
		fmt.Fprintln(sum, at)
		sum.Write(img.texts[at])
	}
	name := img.name + "-" + hex.EncodeToString(sum.Sum(nil))[:10]
	if _, err := b.pool.Client.InspectImage(name); err == nil {
		return name, nil
	} else if !errors.Is(err, dc.ErrNoSuchImage) {
		return "", fmt.Errorf("looking for %s: %w", name, err)
	}
	b.progress("building " + name)
	read, write := io.Pipe()
	go func() { write.CloseWithError(b.context(write, dockerfile, img)) }()
	defer func() { _ = read.Close() }() // ends the writer, too
	var log bytes.Buffer
	err := b.pool.Client.BuildImage(dc.BuildImageOptions{
		Name: name, InputStream: read, OutputStream: &log, RmTmpContainer: true, ForceRmTmpContainer: true, Context: ctx,
	})
	if err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", name, err, log.String())
	}
	return name, nil
}

// context writes what the engine builds from.
func (b *Builder) context(w io.Writer, dockerfile string, img image) error {
	a := newArchive(w)
	if err := a.file("Dockerfile", 0o644, []byte(dockerfile)); err != nil {
		return err
	}
	for _, s := range img.scripts {
		text, err := files.ReadFile("files/" + s)
		if err != nil {
			return err
		}
		if err := a.file(s, 0o755, text); err != nil {
			return err
		}
	}
	if err := a.file("passwd", 0o644, []byte(accounts(passwd, img.users))); err != nil {
		return err
	}
	if err := a.file("group", 0o644, []byte(accounts(group, groups(img.users)))); err != nil {
		return err
	}
	for name, text := range img.texts {
		if err := a.file(name, 0o644, text); err != nil {
			return err
		}
	}
	for at, dir := range img.trees {
		if err := a.tree(dir, at, nil, true); err != nil {
			return err
		}
	}
	return a.close()
}

// The accounts that every image has; nothing else of Debian's is used.
const (
	passwd = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
	group  = "root:x:0:\nnogroup:x:65534:\n"
)

func accounts(base string, more []string) string {
	for _, m := range more {
		base += m + "\n"
	}
	return base
}

// groups are the groups of users, of the same name.
func groups(users []string) []string {
	var out []string
	for _, u := range users {
		f := strings.Split(u, ":")
		out = append(out, f[0]+":x:"+f[3]+":")
	}
	return out
}

// home is the directory of a JDK or JRE by the path of its java.
func home(java string) (string, error) {
	path, err := filepath.EvalSymlinks(java)
	if err != nil {
		return "", fmt.Errorf("finding the home of %s: %w", java, err)
	}
	return filepath.Dir(filepath.Dir(path)), nil
}

// codename is the name of this Debian's release. The base is of the same one, so
// that programs of this machine run on it.
func codename(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("finding Debian's release: %w", err)
	}
	values := map[string]string{}
	for line := range strings.Lines(string(text)) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
		values[k] = strings.Trim(v, `"`)
	}
	if values["ID"] != "debian" || values["VERSION_CODENAME"] == "" {
		return "", fmt.Errorf("this is %s, and the base of stand-ins is made from Debian", values["ID"])
	}
	return values["VERSION_CODENAME"], nil
}
