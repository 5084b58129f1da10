package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/ory/dockertest/v3"
	dc "github.com/ory/dockertest/v3/docker"

	"github.com/lapse-test/lapse/targets/cluster"
)

// maxNodes is how many nodes are let into one network.
const maxNodes = 200

// askTimeout is how long the engine may take to answer a simple question.
const askTimeout = 5 * time.Second

// engine is a Docker engine that answers.
type engine struct {
	pool    *dockertest.Pool
	version string
}

func (e *engine) client() *dc.Client { return e.pool.Client }

// ways is what a user without a usable engine can do.
const ways = "install and start one (Debian: apt-get install docker.io iptables, then systemctl start docker or dockerd), see that you may use it (root, or the group docker) and that DOCKER_HOST is right; or let nodes run elsewhere with --provider"

// connect finds the engine and sees that nodes can run on it.
func (p Provider) connect(ctx context.Context) (*engine, error) {
	where := p.Host
	absent := cluster.ErrNoEngine
	if where != "" || os.Getenv("DOCKER_HOST") != "" || os.Getenv("DOCKER_URL") != "" {
		absent = errors.New(cluster.ErrNoEngine.Error()) // one that was named should be there
	}
	for _, v := range []string{os.Getenv("DOCKER_HOST"), os.Getenv("DOCKER_URL"), "unix:///var/run/docker.sock"} {
		if where == "" {
			where = v
		}
	}
	fail := func(err error, way string) (*engine, error) {
		return nil, &cluster.EnvironmentError{Doing: "using the Docker engine at " + where, Err: err, Way: way}
	}
	if !strings.HasPrefix(where, "unix://") {
		return fail(errors.New("it is not known to be on this machine, and elsewhere the containers' addresses and namespaces cannot be reached"),
			"name the socket of an engine on this machine (DOCKER_HOST=unix:///var/run/docker.sock), or let nodes run elsewhere with --provider")
	}
	pool, err := dockertest.NewPool(where)
	if err != nil {
		return fail(err, ways)
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	// The first says whether it answers, the second what it is.
	if err := pool.Client.PingWithContext(ctx); err != nil {
		if errors.Is(err, dc.ErrConnectionRefused) || errors.Is(err, os.ErrNotExist) {
			err = absent
		}
		return fail(err, ways)
	}
	info, err := pool.Client.Info()
	if err != nil {
		return fail(err, ways)
	}
	for _, o := range info.SecurityOptions {
		for _, kind := range []string{"rootless", "userns"} {
			if strings.Contains(o, "name="+kind) {
				return fail(fmt.Errorf("it gives containers other user ids than this machine's (%s), so that their files cannot be shared with lapse", kind),
					"use an engine without that, or let nodes run elsewhere with --provider")
			}
		}
	}
	if info.OSType != "linux" {
		return fail(fmt.Errorf("its containers are of %s", info.OSType), ways)
	}
	return &engine{pool: pool, version: info.ServerVersion}, nil
}

// Available implements cluster.Provider.
func (p Provider) Available(ctx context.Context, spec cluster.Spec) error {
	if err := cluster.Unmet(p, spec); err != nil {
		return err
	}
	if spec.Container == nil {
		return &cluster.EnvironmentError{
			Doing: "using Docker", Err: errors.New(cmp.Or(spec.NoContainer, "this target does not say which image its nodes are made of")),
			Way: "let nodes run elsewhere with --provider",
		}
	}
	if len(spec.Nodes) > maxNodes {
		return &cluster.EnvironmentError{
			Doing: "using Docker", Err: fmt.Errorf("%d nodes do not fit into one network", len(spec.Nodes)),
			Way: fmt.Sprintf("use at most %d", maxNodes),
		}
	}
	if spec.Cuts && os.Geteuid() != 0 {
		return &cluster.EnvironmentError{
			Doing: "using Docker", Err: errors.New("links are to be cut, and only root may reach into the network of containers"),
			Way: cutWay,
		}
	}
	_, err := p.connect(ctx)
	return err
}

// cutWay is what a user who cannot cut links can do.
const cutWay = "run lapse as root (sudo), use faults that need no network (kill, pause), or let nodes run elsewhere with --provider"

var _ cluster.Preparer = Provider{}

// Prepare implements cluster.Preparer: it pulls the image, unless it is there.
func (p Provider) Prepare(ctx context.Context, spec cluster.Spec, progress func(string)) error {
	if err := p.Available(ctx, spec); err != nil {
		return err
	}
	e, err := p.connect(ctx)
	if err != nil {
		return err
	}
	_, err = e.image(ctx, spec.Container.Image, progress)
	return err
}

// pullStall is how long a registry may show no sign of life.
const pullStall = 60 * time.Second

// image finds an image, and pulls it if it is not there.
func (e *engine) image(ctx context.Context, name string, progress func(string)) (*dc.Image, error) {
	fail := func(err error) (*dc.Image, error) {
		return nil, &cluster.EnvironmentError{
			Doing: "getting the image " + name, Err: err,
			Way: "see that its name and tag are right and that the engine reaches the registry; or bring it there by other means (docker pull, docker load), or choose another one with --image",
		}
	}
	img, err := e.client().InspectImage(name)
	if err == nil {
		return img, nil
	}
	if !errors.Is(err, dc.ErrNoSuchImage) {
		return fail(err)
	}
	progress("pulling the image " + name)
	repository, tag := dc.ParseRepositoryTag(name)
	if digest := strings.SplitN(name, "@", 2); len(digest) == 2 {
		repository, tag = digest[0], digest[1]
	} else if tag == "" {
		tag = "latest" // or the engine would pull all there are
	}
	err = e.client().PullImage(dc.PullImageOptions{
		Repository: repository, Tag: tag,
		OutputStream: io.Discard, InactivityTimeout: pullStall, Context: ctx,
	}, credentials(repository))
	if err == nil {
		img, err = e.client().InspectImage(name)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return fail(err)
	}
	return img, nil
}

// credentials are those that the docker command keeps for the image's registry,
// none if it keeps none.
func credentials(repository string) dc.AuthConfiguration {
	registry := "https://index.docker.io/v1/"
	if host, _, ok := strings.Cut(repository, "/"); ok && strings.ContainsAny(host, ".:") {
		registry = host
	}
	if all, err := dc.NewAuthConfigurationsFromDockerCfg(); err == nil {
		if auth, ok := all.Configs[registry]; ok {
			return auth
		}
	}
	if auth, err := dc.NewAuthConfigurationsFromCredsHelpers(registry); err == nil {
		return *auth
	}
	return dc.AuthConfiguration{}
}

// gone says that the container or network is not there any more, or not running.
func gone(err error) bool {
	var none *dc.NoSuchContainer
	var stopped *dc.ContainerNotRunning
	var network *dc.NoSuchNetwork
	return errors.As(err, &none) || errors.As(err, &stopped) || errors.As(err, &network)
}

// remove removes a container with its anonymous volumes, running or not.
func (e *engine) remove(ctx context.Context, id string) error {
	err := e.client().RemoveContainer(dc.RemoveContainerOptions{ID: id, Force: true, RemoveVolumes: true, Context: ctx})
	if err == nil || gone(err) {
		return nil
	}
	var answer *dc.Error
	if errors.As(err, &answer) && answer.Status == 409 { // somebody else is removing it
		return cluster.Await(ctx, "container "+id[:12]+" to be removed", func(ctx context.Context) error {
			_, err := e.client().InspectContainerWithContext(id, ctx)
			if gone(err) {
				return nil
			}
			return errors.Join(errors.New("it is there"), err)
		})
	}
	return fmt.Errorf("removing container %s: %w", id[:12], err)
}
