package kubernetes

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lapse-test/lapse/targets/cluster"
)

// The commands of lapse that containers in a namespace of a run's own run, beside it.
const (
	CommandInCluster = "in-cluster"
	// CommandExpire NAMESPACE TIME removes the namespace that it runs in at that time.
	CommandExpire = "expire"
	// CommandHold does nothing until it is told to end.
	CommandHold = "hold"
	// CommandPack DIR writes a directory as a tar archive.
	CommandPack = "pack"
	// CommandEnd tells the first process of its container to end in good order.
	CommandEnd = "end"
)

// Expire waits until the deadline and has the namespace, which this process runs in, removed. It asks
// again until that is accepted or ctx is done, which is an error.
func Expire(ctx context.Context, namespace string, deadline time.Time) error {
	if !wait(ctx, time.Until(deadline)) {
		// A Job whose pod ends well is over. This one is ended with its machine, or with the namespace.
		return fmt.Errorf("waiting for the time to remove the namespace %s: %w", namespace, ctx.Err())
	}
	client, _, _, err := connect(mark{inside: true})
	if err != nil {
		return &cluster.EnvironmentError{Doing: "connecting to Kubernetes", Err: err}
	}
	for {
		err := client.Resource(namespacesResource).Delete(ctx, namespace, metav1.DeleteOptions{})
		if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return nil
		}
		if !wait(ctx, 5*time.Second) {
			return fmt.Errorf("removing the namespace %s: %w", namespace, err)
		}
	}
}
