package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Finder finds databases by Scheme; the zero value is ready. Which cluster is meant, and who
// asks, is what kubectl would take: KUBECONFIG, ~/.kube/config, or the service account of
// the pod that lapse runs in.
type Finder struct{}

var _ cluster.Finder = Finder{}

// Finds implements cluster.Finder.
func (Finder) Finds(at string) bool { return strings.HasPrefix(at, Scheme) }

// mostPods is how many nodes a database may have here.
const mostPods = 1000

// askTimeout bounds one question to the API.
const askTimeout = 10 * time.Second

// Find implements cluster.Finder: every pod that has the labels must be ready.
func (Finder) Find(ctx context.Context, at string) (*cluster.Found, error) {
	m, err := parseMark(at)
	if err != nil {
		return nil, err
	}
	client, err := connect(m.context)
	if err != nil {
		return nil, &cluster.EnvironmentError{Doing: "connecting to Kubernetes", Err: err,
			Way: "name a kubeconfig in KUBECONFIG, and one of its contexts as " + Scheme + "...?context=NAME; inside a cluster nothing is needed"}
	}
	return find(ctx, client, m)
}

// connect makes the client that a kubeconfig, or the pod that this is, says.
func connect(kubeContext string) (dynamic.Interface, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	overrides := &clientcmd.ConfigOverrides{CurrentContext: kubeContext}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig()
	if err != nil {
		return nil, err
	}
	config.Timeout = askTimeout
	config.UserAgent = "lapse"
	config.QPS, config.Burst = 50, 100 // the state of a node is asked for while a fault is awaited
	config.WarningHandler = rest.NoWarnings{}
	return dynamic.NewForConfig(config)
}

func find(ctx context.Context, client dynamic.Interface, m mark) (*cluster.Found, error) {
	what := fmt.Sprintf("the pods %s in the namespace %s", m.selector, m.namespace)
	wrong := func(way, format string, args ...any) error {
		return &cluster.EnvironmentError{Doing: "finding " + what, Err: fmt.Errorf(format, args...), Way: way}
	}
	list, err := client.Resource(podsResource).Namespace(m.namespace).List(ctx, metav1.ListOptions{LabelSelector: m.selector, Limit: mostPods})
	switch {
	case apierrors.IsUnauthorized(err):
		return nil, wrong("see whether the credentials of the kubeconfig are valid", "%w", err)
	case apierrors.IsForbidden(err):
		return nil, wrong("the role lapse-look in deploy/kubernetes has the rights that are needed", "%w", err)
	case err != nil:
		return nil, wrong("see whether the cluster of the kubeconfig is up and can be reached from here", "%w", err)
	case len(list.Items) == 0:
		return nil, wrong("see kubectl get pods --show-labels --namespace "+m.namespace, "there is none")
	case list.GetContinue() != "":
		return nil, wrong("choose fewer by the label selector", "there are more than %d", mostPods)
	}
	var pods []*pod
	var errs []error
	for i := range list.Items {
		p, err := read(&list.Items[i])
		if err != nil {
			return nil, wrong("", "%w", err)
		}
		if why := state(p); why != "" {
			errs = append(errs, errors.New(p.Name+" "+why))
		}
		pods = append(pods, p)
	}
	if len(errs) > 0 {
		return nil, wrong("wait until all are ready, or leave pods out by the label selector: jobs and proxies are no nodes", "%s", oneLine(errs))
	}
	s := &supervisor{client: client, namespace: m.namespace, pods: map[string]string{}}
	found := &cluster.Found{Supervisor: s}
	pods = sorted(pods)
	for i, node := range cluster.NodeNames(len(pods)) {
		s.pods[node] = pods[i].Name
		if !named(pods[i]) {
			s.nameless = append(s.nameless, pods[i].Name)
		}
		found.At = append(found.At, address(pods[i], m.port))
	}
	return found, nil
}

func oneLine(errs []error) string {
	return strings.ReplaceAll(errors.Join(errs...).Error(), "\n", "; ")
}
