package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/owner"
)

// note is kept on this machine as long as there may be a namespace that a process of it has made, so
// that it is known in which cluster to look for it. No other cluster is ever asked.
type note struct {
	Namespace  string    `json:"namespace"`
	Kubeconfig string    `json:"kubeconfig"` // as KUBECONFIG has it
	Context    string    `json:"context"`
	Inside     bool      `json:"inside"`
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

// keep writes the note, before there is anything that it is about, and returns what removes it.
func (p *Provider) keep(n note) (forget func() error, err error) {
	dir, err := p.notesDir()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(n)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	path := filepath.Join(dir, n.Namespace+".json")
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		return nil, &cluster.EnvironmentError{Doing: "noting what is made in the cluster", Err: err, Way: "set HOME or XDG_CACHE_HOME to where files can be written"}
	}
	return func() error { return os.Remove(path) }, nil
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
			err = json.Unmarshal(text, &n)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("reading %s: %w", file, err))
			continue
		}
		if !n.over(me, host) {
			continue
		}
		there, err := n.remove(ctx)
		if err == nil {
			err = os.Remove(file)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if there {
			removed = append(removed, cluster.Removed{Kind: "namespace", Name: n.Namespace, Run: n.Namespace})
		}
	}
	return removed, errors.Join(errs...)
}

// remove has the namespace removed, if it is there and was made by the note's process.
func (n note) remove(ctx context.Context) (bool, error) {
	client, _, _, err := connect(mark{kubeconfig: n.Kubeconfig, context: n.Context, inside: n.Inside})
	if err != nil {
		return false, &cluster.EnvironmentError{Doing: "connecting to the Kubernetes that has the namespace " + n.Namespace, Err: err}
	}
	namespaces := client.Resource(namespacesResource)
	now, err := namespaces.Get(ctx, n.Namespace, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, &cluster.EnvironmentError{Doing: "looking for the namespace " + n.Namespace, Err: err, Way: "see whether its cluster is up and can be reached from here"}
	case now.GetLabels()[labelManaged] != managedBy || now.GetAnnotations()[annotationOwner] != n.Owner:
		return false, nil // another one of that name
	case now.GetDeletionTimestamp() != nil:
		return true, nil
	}
	uid := now.GetUID()
	err = namespaces.Delete(ctx, n.Namespace, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	if err != nil && !apierrors.IsNotFound(err) {
		return false, &cluster.EnvironmentError{Doing: "removing the namespace " + n.Namespace, Err: err, Way: wayToMake}
	}
	return true, nil
}
