package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/lapse-test/lapse/targets/cluster"
)

// ephemeral is the container that is put beside a database. It can be seen, and not removed.
func ephemeral(name, image string) map[string]any {
	return map[string]any{
		"name": name, "image": image, "args": []any{"in-pod", name}, "stdin": true, "stdinOnce": true,
		"securityContext": map[string]any{
			"runAsUser": 0, "runAsGroup": 0, "runAsNonRoot": false, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
			// NET_ADMIN for rules; SYS_PTRACE and DAC_READ_SEARCH to see which process has the database's
			// port, and KILL for processes of other users.
			"capabilities": map[string]any{"drop": []any{"ALL"}, "add": []any{"NET_ADMIN", "SYS_PTRACE", "DAC_READ_SEARCH", "KILL"}},
		},
	}
}

// put asks for an ephemeral container, or, dry, whether there could be one.
func (s *supervisor) put(ctx context.Context, pod, name, image string, dry bool) error {
	text, err := json.Marshal(map[string]any{"spec": map[string]any{"ephemeralContainers": []any{ephemeral(name, image)}}})
	if err != nil {
		return err
	}
	var options metav1.PatchOptions
	if dry {
		options.DryRun = []string{metav1.DryRunAll}
	}
	_, err = s.client.Resource(podsResource).Namespace(s.namespace).Patch(ctx, pod, types.StrategicMergePatchType, text, options, "ephemeralcontainers")
	return err
}

// begin puts one into a pod, waits until it runs, and takes hold of it. One that was put there before and
// did not run in time is waited for again, since none can be removed; and one that was lost
// hold of must have ended, or what it heals then could be what the next has broken.
func (c *carrier) begin(ctx context.Context, h *hold, p *pod) (*attachment, error) {
	if h.pod == string(p.UID) && h.used {
		err := c.until(ctx, p, "the container "+h.container+" of the pod "+p.Name+", which was lost hold of, to end", func(now *pod) error {
			if !now.over(h.container) {
				return errors.New("it runs")
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		h.container = ""
	}
	if h.pod != string(p.UID) || h.container == "" || p.over(h.container) {
		name := "lapse-" + rand.String(6)
		if err := c.put(ctx, p.Name, name, c.image, false); err != nil {
			return nil, fmt.Errorf("putting a container into the pod %s: %w", p.Name, err)
		}
		h.pod, h.container, h.used = string(p.UID), name, false
	}
	if err := c.until(ctx, p, "the container "+h.container+" of the pod "+p.Name+" to run", func(now *pod) error { return now.runs(h.container) }); err != nil {
		return nil, err
	}
	a, err := attach(ctx, c.config, c.namespace, p.Name, string(p.UID), h.container)
	h.used = err == nil
	return a, err
}

// until waits until ok has no error about the pod as it is then.
func (c *carrier) until(ctx context.Context, p *pod, what string, ok func(*pod) error) error {
	return cluster.Await(ctx, what, func(ctx context.Context) error {
		now, err := c.get(ctx, p.Name)
		if err != nil {
			return err
		}
		if now.UID != p.UID {
			return errors.New("there is another pod by that name meanwhile")
		}
		return ok(now)
	})
}

// over tells whether the ephemeral container has ended.
func (p *pod) over(name string) bool {
	for _, s := range p.Status.Ephemeral {
		if s.Name == name {
			return s.State.Terminated != nil
		}
	}
	return false
}

// runs is nil if the ephemeral container does.
func (p *pod) runs(name string) error {
	for _, s := range p.Status.Ephemeral {
		switch {
		case s.Name != name:
		case s.State.Running != nil:
			return nil
		case s.State.Terminated != nil:
			return fmt.Errorf("it has ended with %d: %s %s", s.State.Terminated.ExitCode, s.State.Terminated.Reason, s.State.Terminated.Message)
		case s.State.Waiting != nil:
			return fmt.Errorf("it waits: %s %s", s.State.Waiting.Reason, s.State.Waiting.Message)
		}
	}
	return errors.New("it has no state")
}

// ownImage is the image of the pod that this runs in, which has lapse.
func (s *supervisor) ownImage(ctx context.Context) (string, error) {
	const file = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
	namespace, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("lapse does not run as a pod, whose image could be taken: %w", err)
	}
	name, err := os.Hostname()
	if err != nil {
		return "", err
	}
	u, err := s.client.Resource(podsResource).Namespace(strings.TrimSpace(string(namespace))).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("looking for the pod that this runs in: %w", err)
	}
	p, err := read(u)
	if err != nil {
		return "", err
	}
	for _, c := range p.Spec.Containers {
		if c.Name == "lapse" || len(p.Spec.Containers) == 1 {
			return c.Image, nil
		}
	}
	return "", fmt.Errorf("which container of the pod %s is lapse cannot be seen: none has that name", name)
}

// barred says why there can be no ephemeral container, and what to do about it.
func (s *supervisor) barred(doing string, err error) error {
	if apierrors.IsForbidden(err) && strings.Contains(err.Error(), "PodSecurity") {
		return &cluster.EnvironmentError{Doing: doing, Err: err,
			Way: "the container needs root, NET_ADMIN, SYS_PTRACE, DAC_READ_SEARCH and KILL: let the namespace have it (kubectl label --overwrite namespace " + s.namespace +
				" pod-security.kubernetes.io/enforce=privileged), or leave these faults out"}
	}
	return &cluster.EnvironmentError{Doing: doing, Err: err, Way: wayToEnter}
}
