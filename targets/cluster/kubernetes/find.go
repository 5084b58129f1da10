package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

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
	client, config, m, err := connect(m)
	if err != nil {
		way := "name a kubeconfig in KUBECONFIG, and one of its contexts as " + Scheme + "...?context=NAME; inside a cluster nothing is needed"
		if m.inside {
			way = "this asks as the service account of the pod that lapse runs in: run it there, or name the cluster by a context of a kubeconfig, as " + Scheme + "...?context=NAME"
		}
		return nil, &cluster.EnvironmentError{Doing: "connecting to Kubernetes", Err: err, Way: way}
	}
	return find(ctx, client, config, m)
}

// connect makes the client that a kubeconfig, or the pod that this is, says. The mark that it
// returns says which that was.
func connect(m mark) (dynamic.Interface, *rest.Config, mark, error) {
	config, m, err := who(m)
	if err != nil {
		return nil, nil, m, err
	}
	config.Timeout = askTimeout
	config.UserAgent = "lapse"
	config.QPS, config.Burst = 50, 100 // the state of a node is asked for while a fault is awaited
	config.WarningHandler = rest.NoWarnings{}
	client, err := dynamic.NewForConfig(config)
	return client, config, m, err
}

// who says which cluster is asked, and as whom. A kubeconfig that has something wins over the
// pod that this is, as for kubectl.
func who(m mark) (*rest.Config, mark, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	if m.kubeconfig != "" {
		rules.Precedence = filepath.SplitList(m.kubeconfig)
	}
	raw, err := rules.Load()
	if err != nil {
		return nil, m, err
	}
	if m.inside || m.context == "" && api.IsConfigEmpty(raw) {
		config, err := rest.InClusterConfig()
		if err == nil {
			m.inside = true
			return config, m, nil
		}
		if m.inside {
			return nil, m, err
		}
	}
	overrides := &clientcmd.ConfigOverrides{CurrentContext: m.context}
	config, err := clientcmd.NewNonInteractiveClientConfig(*raw, m.context, overrides, rules).ClientConfig()
	if m.context == "" {
		m.context = raw.CurrentContext
	}
	return config, m, err
}

func find(ctx context.Context, client dynamic.Interface, config *rest.Config, m mark) (*cluster.Found, error) {
	what := fmt.Sprintf("the pods %s in the namespace %s", m.selector, m.namespace)
	wrong := func(way, format string, args ...any) error {
		return &cluster.EnvironmentError{Doing: "finding " + what, Err: fmt.Errorf(format, args...), Way: way}
	}
	list, err := client.Resource(podsResource).Namespace(m.namespace).List(ctx, metav1.ListOptions{LabelSelector: m.selector, Limit: mostPods})
	switch {
	case apierrors.IsUnauthorized(err):
		return nil, wrong("see whether the credentials of the kubeconfig are valid", "%w", err)
	case apierrors.IsForbidden(err):
		return nil, wrong(wayToLook, "%w", err)
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
	selector, err := labels.Parse(m.selector)
	if err != nil {
		return nil, wrong("", "%w", err) // it was read before
	}
	s := &supervisor{client: client, namespace: m.namespace, selector: selector, pods: map[string]string{}, budgetPatience: budgetPatience, askAgain: askAgain}
	found := &cluster.Found{Supervisor: s, Mark: m.String()}
	pods = sorted(pods)
	for i, node := range cluster.NodeNames(len(pods)) {
		s.pods[node] = pods[i].Name
		if !named(pods[i]) {
			s.nameless = append(s.nameless, pods[i].Name)
		}
		found.At = append(found.At, address(pods[i], m.port))
	}
	found.Commands, found.Patience = s.commands(), carryPatience
	found.Carrier = newCarrier(s, config, m.image)
	return found, nil
}

func oneLine(errs []error) string {
	return strings.ReplaceAll(errors.Join(errs...).Error(), "\n", "; ")
}
