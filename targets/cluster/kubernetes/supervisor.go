package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/lapse-test/lapse/targets/cluster"
)

// What is asked of the API.
var (
	podsResource    = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	reviewsResource = schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "selfsubjectaccessreviews"}
)

// supervisor is the Kubernetes that keeps some pods.
type supervisor struct {
	client    dynamic.Interface
	namespace string
	// selector is what the pods were found by, and must have when they are taken away.
	selector labels.Selector
	// budgetPatience is how long an eviction that a budget refuses is asked for again, and
	// askAgain the time between two such questions.
	budgetPatience, askAgain time.Duration
	// pods are the names of the pods, by those of the nodes.
	pods map[string]string
	// nameless are pods whose successors cannot be found by a name.
	nameless []string
}

var _ cluster.Supervisor = (*supervisor)(nil)

// pod is the name of a node's pod.
func (s *supervisor) pod(node string) (string, error) {
	name, ok := s.pods[node]
	if !ok {
		return "", fmt.Errorf("there is no pod for the node %q", node)
	}
	return name, nil
}

// Incarnation implements cluster.Supervisor.
func (s *supervisor) Incarnation(ctx context.Context, node string) (cluster.Incarnation, error) {
	name, err := s.pod(node)
	if err != nil {
		return cluster.Incarnation{}, err
	}
	u, err := s.client.Resource(podsResource).Namespace(s.namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return cluster.Incarnation{}, nil
	}
	if err != nil {
		return cluster.Incarnation{}, fmt.Errorf("looking for the pod %s: %w", name, err)
	}
	pod, err := read(u)
	if err != nil {
		return cluster.Incarnation{}, err
	}
	return incarnation(pod), nil
}

// budgetPatience is for a budget that spares a pod until the one before is ready again, which
// is why kubectl drain asks again too.
const budgetPatience = 20 * time.Second

// askAgain is the time between two such questions.
const askAgain = time.Second

// Replace implements cluster.Supervisor. A deletion gives the pod a second, and not none:
// with none the name is given away before it is known that the pod has ended, and a
// database could run twice under it. A pod that has not the labels any more, by which
// it was found, is not what faults were allowed on: it is left alone. An eviction that a
// budget refuses is asked for again for a while.
func (s *supervisor) Replace(ctx context.Context, node, id string, how cluster.Removal) error {
	name, err := s.pod(node)
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(s.budgetPatience); ; {
		err := s.remove(ctx, name, id, how)
		switch {
		case err == nil:
			return nil
		case apierrors.IsTooManyRequests(err) && time.Now().Before(deadline) && wait(ctx, s.askAgain):
			continue
		case apierrors.IsTooManyRequests(err):
			return fmt.Errorf("the pod %s cannot be done without, by a PodDisruptionBudget: %w", name, err)
		}
		return fmt.Errorf("%s of the pod %s: %w", how, name, err)
	}
}

// wait is false if ctx was done first.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// remove looks at the pod and removes what it has seen and nothing else: one that has changed
// since is looked at again.
func (s *supervisor) remove(ctx context.Context, name, id string, how cluster.Removal) error {
	pods := s.client.Resource(podsResource).Namespace(s.namespace)
	const most = 5
	for try := 1; ; try++ {
		u, err := pods.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		switch {
		case string(u.GetUID()) != id:
			return errors.New("there is another by that name meanwhile")
		case !s.selector.Matches(labels.Set(u.GetLabels())):
			return fmt.Errorf("it has no longer the labels %s by which it was found, and is left alone", s.selector)
		case u.GetDeletionTimestamp() != nil:
			return errors.New("it is being deleted already, by somebody else")
		}
		if how == cluster.Eviction {
			_, err = pods.Create(ctx, eviction(u), metav1.CreateOptions{}, "eviction")
		} else {
			uid, version := u.GetUID(), u.GetResourceVersion()
			err = pods.Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(1)), Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &version}})
		}
		if !apierrors.IsConflict(err) || try == most {
			return err
		}
	}
}

func eviction(pod *unstructured.Unstructured) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "policy/v1", "kind": "Eviction",
		"metadata":      map[string]any{"name": pod.GetName(), "namespace": pod.GetNamespace()},
		"deleteOptions": map[string]any{"preconditions": map[string]any{"uid": string(pod.GetUID()), "resourceVersion": pod.GetResourceVersion()}},
	}}
}

// May implements cluster.Supervisor.
func (s *supervisor) May(ctx context.Context, how cluster.Removal) error {
	doing := fmt.Sprintf("asking whether pods in the namespace %s can be replaced by %s", s.namespace, how)
	if len(s.nameless) > 0 {
		return &cluster.EnvironmentError{Doing: doing,
			Err: fmt.Errorf("%s would come back under another address, and has no name in the cluster's DNS by which clients could follow it", strings.Join(s.nameless, ", ")),
			Way: "pods of a StatefulSet with a headless service have one; kill others by commands of --operator"}
	}
	for _, node := range cluster.NodeNames(len(s.pods)) {
		n, err := s.Incarnation(ctx, node)
		if err != nil {
			return &cluster.EnvironmentError{Doing: doing, Err: err, Way: wayToLook}
		}
		if !n.Kept {
			return &cluster.EnvironmentError{Doing: doing,
				Err: fmt.Errorf("nothing would make the pod %s anew, which has no controller", s.pods[node]),
				Way: "run the database as a StatefulSet, or leave the fault out"}
		}
	}
	attributes := map[string]any{"namespace": s.namespace, "verb": "delete", "resource": podsResource.Resource}
	if how == cluster.Eviction {
		attributes["verb"], attributes["subresource"] = "create", "eviction"
	}
	allowed, err := s.allowed(ctx, attributes)
	if err != nil {
		return &cluster.EnvironmentError{Doing: doing, Err: err, Way: wayToRights}
	}
	if !allowed {
		return &cluster.EnvironmentError{Doing: doing, Err: fmt.Errorf("this user has no right to the %s of pods there", how), Way: wayToRights}
	}
	return nil
}

const (
	wayToLook   = "the role lapse-look in deploy/kubernetes has the rights that are needed"
	wayToRights = "the role lapse-break in deploy/kubernetes has the rights that are needed"
)

// allowed asks whether this user may do something.
func (s *supervisor) allowed(ctx context.Context, attributes map[string]any) (bool, error) {
	review := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
		"spec": map[string]any{"resourceAttributes": attributes},
	}}
	answer, err := s.client.Resource(reviewsResource).Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("asking for the user's rights: %w", err)
	}
	allowed, found, err := unstructured.NestedBool(answer.Object, "status", "allowed")
	if err != nil || !found {
		return false, errors.New("asking for the user's rights: the answer has no status")
	}
	return allowed, nil
}
