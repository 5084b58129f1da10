package kubernetes

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/owner"
)

// note is kept on this machine as long as there may be a namespace that a process of it has made, so
// that it is known in which cluster to look for it. No other cluster is ever asked.
type note struct {
	Namespace  string    `json:"namespace"`
	Kubeconfig string    `json:"kubeconfig"` // as KUBECONFIG has it, with whole paths
	Context    string    `json:"context"`
	Inside     bool      `json:"inside"`
	Server     string    `json:"server"` // to which they led
	Owner      string    `json:"owner"`
	Host       string    `json:"host"`
	Deadline   time.Time `json:"deadline"`
}

// notesDir is where notes are kept.
func (p *Provider) notesDir() (string, error) {
	if p.notes != "" {
		return p.notes, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", &cluster.EnvironmentError{Doing: "finding where to note what is made in the cluster", Err: err, Way: "set HOME or XDG_CACHE_HOME"}
	}
	return filepath.Join(dir, "lapse", "namespaces"), nil
}

// where lists the kubeconfigs that are read, so that they are found from another directory, too.
func (p *Provider) where() (string, error) {
	var paths []string
	for _, path := range filepath.SplitList(cmp.Or(p.Kubeconfig, os.Getenv(clientcmd.RecommendedConfigPathEnvVar), clientcmd.RecommendedHomeFile)) {
		path, err := filepath.Abs(path)
		if err != nil {
			return "", fmt.Errorf("noting which kubeconfig is read: %w", err)
		}
		paths = append(paths, path)
	}
	return strings.Join(paths, string(filepath.ListSeparator)), nil
}

// keep writes the note, before there is anything that it is about, and returns what removes it. Nobody reads half of one.
func (p *Provider) keep(n note) (forget func() error, err error) {
	dir, err := p.notesDir()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, n.Namespace+".json")
	if err := n.write(dir, path); err != nil {
		return nil, &cluster.EnvironmentError{Doing: "noting what is made in the cluster", Err: err, Way: "set HOME or XDG_CACHE_HOME to where files can be written"}
	}
	return func() error { return remove(path) }, nil
}

func (n note) write(dir, path string) error {
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".note-") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // it is of no use
	}
	return err
}

// readNote reads the note in a file, which is about the namespace that the file is called after.
func readNote(file string, text []byte) (n note, err error) {
	if err := json.Unmarshal(text, &n); err != nil {
		return note{}, err
	}
	if name := strings.TrimSuffix(filepath.Base(file), ".json"); n.Namespace != name || n.Namespace == "" {
		return note{}, fmt.Errorf("it is about the namespace %q", n.Namespace)
	}
	return n, nil
}

// remove removes a note that another process may have removed.
func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// over tells whether nobody is there any more who would remove the namespace.
func (n note) over(me owner.Owner, host string) bool {
	o, err := owner.Parse(n.Owner)
	return n.Host == host && err == nil && o.Dead(me) || time.Now().After(n.Deadline)
}

// Clean implements cluster.Cleaner: it removes the namespaces that processes of this machine have made
// which are no more, or whose deadline has passed, and asks no cluster in which there are none.
func (p *Provider) Clean(ctx context.Context) ([]cluster.Removed, error) {
	dir, err := p.notesDir()
	if err != nil {
		return nil, nil //nolint:nilerr // then nothing was made
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		return nil, err
	}
	me, err := owner.Self()
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	var removed []cluster.Removed
	var errs []error
	for _, file := range files {
		var n note
		text, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue // its process has removed it
		}
		if err == nil {
			n, err = readNote(file, text)
		}
		if err != nil {
			errs = append(errs, &cluster.EnvironmentError{Doing: "reading " + file, Err: err, Way: "remove it if no namespace of its name is left"})
			continue
		}
		if !n.over(me, host) {
			continue
		}
		there, err := n.remove(ctx)
		if err == nil {
			err = remove(file)
		}
		if err != nil {
			errs = append(errs, &cluster.EnvironmentError{Doing: "removing the namespace " + n.Namespace + " at " + n.Server, Err: err, Way: "try again, or remove the note " + file + " if that cluster is no more"})
			continue
		}
		if there {
			removed = append(removed, cluster.Removed{Kind: "namespace", Name: n.Namespace, Run: n.Namespace})
		}
	}
	return removed, errors.Join(errs...)
}

// remove has the namespace removed, if it is there and was made by the note's process, and waits until it is gone. No other
// cluster is asked than the one that has it, wherever the kubeconfig leads now.
func (n note) remove(ctx context.Context) (bool, error) {
	client, config, _, err := connect(mark{kubeconfig: n.Kubeconfig, context: n.Context, inside: n.Inside})
	if err != nil {
		return false, fmt.Errorf("connecting by %s, context %q: %w", n.Kubeconfig, n.Context, err)
	}
	if config.Host != n.Server {
		return false, fmt.Errorf("the context %q of %s leads to %s now", n.Context, n.Kubeconfig, config.Host)
	}
	// Nobody waits here for a cluster that does not answer.
	if _, err := client.Resource(namespacesResource).Get(ctx, n.Namespace, metav1.GetOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return false, err
	}
	return removeOwn(ctx, client, n.Namespace, n.Owner)
}
