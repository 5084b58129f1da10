package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
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

// Replace implements cluster.Supervisor. A deletion gives the pod a second, and not none:
// with none the name is given away before it is known that the pod has ended, and a
// database could run twice under it.
func (s *supervisor) Replace(ctx context.Context, node, id string, how cluster.Removal) error {
	name, err := s.pod(node)
	if err != nil {
		return err
	}
	pods := s.client.Resource(podsResource).Namespace(s.namespace)
	uid := types.UID(id)
	only := &metav1.Preconditions{UID: &uid}
	if how == cluster.Eviction {
		_, err = pods.Create(ctx, eviction(s.namespace, name, id), metav1.CreateOptions{}, "eviction")
	} else {
		err = pods.Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(1)), Preconditions: only})
	}
	if apierrors.IsTooManyRequests(err) {
		return fmt.Errorf("the pod %s cannot be done without, by a PodDisruptionBudget: %w", name, err)
	}
	if err != nil {
		return fmt.Errorf("%s of the pod %s: %w", how, name, err)
	}
	return nil
}

func eviction(namespace, name, uid string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "policy/v1", "kind": "Eviction",
		"metadata":      map[string]any{"name": name, "namespace": namespace},
		"deleteOptions": map[string]any{"preconditions": map[string]any{"uid": uid}},
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
			return &cluster.EnvironmentError{Doing: doing, Err: err, Way: wayToRights}
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

const wayToRights = "the role lapse-break in deploy/kubernetes has the rights that are needed"

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
