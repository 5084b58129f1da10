package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Name is the provider's name.
const Name = "kubernetes"

// Provider carries out runs in a namespace of their own: the database as a StatefulSet with a headless
// service, and lapse beside it as a Job. Which cluster is asked, and as whom, is what kubectl would
// take, unless Kubeconfig and Context say otherwise. The zero value is ready but for Image; it is not to be changed
// while it is used, and is safe for concurrent use then.
type Provider struct {
	// Kubeconfig is the path of a kubeconfig, and Context one of its contexts; both may be empty.
	Kubeconfig, Context string
	// Prefix begins the names of namespaces; empty is "lapse".
	Prefix string
	// Image is that of lapse, with lapse as its entry point.
	Image string
	// Volume is the size of the claim of each node, such as 1Gi; empty is none, and then a pod that is replaced begins
	// without its data. Class is the claims' storage class, empty for the cluster's own choice.
	Volume, Class string
	// notes is where it is kept on this machine what was made elsewhere; empty is the usual place.
	notes string
}

var (
	_ cluster.Provider = (*Provider)(nil)
	_ cluster.Host     = (*Provider)(nil)
	_ cluster.Cleaner  = (*Provider)(nil)
)

// Name is "kubernetes".
func (*Provider) Name() string { return Name }

// errWhole is why there are no nodes here.
var errWhole = errors.New("it carries out whole runs in a cluster, and makes no nodes for this machine")

// Open fails: whole runs are carried out (cluster.Host).
func (*Provider) Open(context.Context, cluster.Spec) (cluster.Cluster, error) {
	return nil, &cluster.EnvironmentError{Doing: "using --provider " + Name, Err: errWhole, Way: "give the run by flags: lapse run --provider " + Name + " --target ..."}
}

const wayToConnect = "name a kubeconfig in KUBECONFIG, or by --kubeconfig, and one of its contexts by --context"

func (p *Provider) connect() (dynamic.Interface, *rest.Config, mark, error) {
	client, config, m, err := connect(mark{kubeconfig: p.Kubeconfig, context: p.Context})
	if err != nil {
		return nil, nil, m, &cluster.EnvironmentError{Doing: "connecting to Kubernetes", Err: err, Way: wayToConnect}
	}
	return client, config, m, nil
}

// Available implements cluster.Provider: it says whether this user can make namespaces.
func (p *Provider) Available(ctx context.Context, spec cluster.Spec) error {
	if err := cluster.Unmet(p, spec); err != nil {
		return err
	}
	client, _, _, err := p.connect()
	if err != nil {
		return err
	}
	return p.mayMake(ctx, client)
}

// wayToMake is where the rights are.
const wayToMake = "the role lapse-provider in deploy/kubernetes/provider has the rights that are needed"

func (p *Provider) mayMake(ctx context.Context, client dynamic.Interface) error {
	s := &supervisor{client: client}
	doing := "asking whether a namespace can be made for the run"
	for _, verb := range []string{"create", "get", "delete"} {
		allowed, err := s.allowed(ctx, map[string]any{"verb": verb, "resource": namespacesResource.Resource})
		if err != nil {
			return &cluster.EnvironmentError{Doing: doing, Err: err, Way: "see whether the cluster of the kubeconfig is up and can be reached from here, and whether its credentials are valid"}
		}
		if !allowed {
			return &cluster.EnvironmentError{Doing: doing, Err: fmt.Errorf("this user has no right to %s namespaces", verb), Way: wayToMake}
		}
	}
	return nil
}

// Whereabouts implements cluster.Host.
func (p *Provider) Whereabouts(nodes, port int) cluster.Whereabouts {
	prefix := p.Prefix
	if prefix == "" {
		prefix = managedBy
	}
	there := cluster.Whereabouts{Name: prefix + "-" + rand.String(10)}
	for i := range nodes {
		there.Hosts = append(there.Hosts, fmt.Sprintf("%s-%d.%s", partDatabase, i, partDatabase))
	}
	there.At = mark{namespace: there.Name, selector: labelPart + "=" + partDatabase, port: port, inside: true}.String()
	return there
}

// Check returns what is wrong with the settings, by the names of their flags.
func (p *Provider) Check() error {
	switch {
	case p.Image == "":
		return errors.New("--lapse-image: say which image has lapse as its entry point: it is started in the cluster")
	case p.Kubeconfig != "" && missing(p.Kubeconfig):
		return fmt.Errorf("--kubeconfig %s: there is no such file", p.Kubeconfig)
	case p.Prefix != "" && (len(p.Prefix) > 40 || len(validation.IsDNS1123Label(p.Prefix)) > 0):
		return fmt.Errorf("--namespace-prefix %s: want small letters, digits and hyphens, at most 40", p.Prefix)
	case p.Volume == "" && p.Class != "":
		return fmt.Errorf("--storage-class %s: there are no claims; say how large they are with --volume", p.Class)
	case p.Volume != "":
		if q, err := resource.ParseQuantity(p.Volume); err != nil || q.Sign() <= 0 {
			return fmt.Errorf("--volume %s: want a size such as 1Gi", p.Volume)
		}
	}
	return nil
}

// MayHost implements cluster.Host.
func (p *Provider) MayHost(ctx context.Context, e cluster.Errand) error {
	if len(e.Removals) > 0 && p.Volume == "" {
		return &cluster.EnvironmentError{Doing: "making nodes for faults that take pods away",
			Err: errors.New("pods without a claimed volume begin without their data, and what they lose is no fault of the database"),
			Way: "give each node a claim with --volume 1Gi, or leave these faults out"}
	}
	client, _, _, err := p.connect()
	if err != nil {
		return err
	}
	if err := p.mayMake(ctx, client); err != nil {
		return err
	}
	// Nobody can give rights away that he has not.
	s := &supervisor{client: client}
	for _, o := range (build{Errand: e, image: p.Image, volume: p.Volume}).needs() {
		allowed, err := s.allowed(ctx, o)
		if err != nil {
			return &cluster.EnvironmentError{Doing: "asking what this user may do", Err: err, Way: wayToMake}
		}
		if !allowed {
			what := fmt.Sprint(o["resource"])
			if sub, is := o["subresource"]; is {
				what += "/" + fmt.Sprint(sub)
			}
			return &cluster.EnvironmentError{Doing: "asking what this user may do in the namespace " + e.Name,
				Err: fmt.Errorf("it has no right to %s %s", o["verb"], what), Way: wayToMake}
		}
	}
	return nil
}

// needs are the rights that making it takes, and those that it gives away, as attributes of a review.
func (b build) needs() []map[string]any {
	var out []map[string]any
	add := func(verb, group, resource string) {
		resource, sub, _ := strings.Cut(resource, "/")
		o := map[string]any{"namespace": b.Name, "verb": verb, "group": group, "resource": resource}
		if sub != "" {
			o["subresource"] = sub
		}
		out = append(out, o)
	}
	for _, o := range append(b.objects(), b.harness()) {
		add("create", o.resource.Group, o.resource.Resource)
	}
	for _, r := range append(b.rights(), rule("", "pods/log", []string{"get"}), rule("", "pods/exec", []string{"get", "create"})) {
		for _, verb := range r["verbs"].([]any) {
			add(verb.(string), "", r["resources"].([]any)[0].(string))
		}
	}
	return out
}

// create makes an object.
func create(ctx context.Context, client dynamic.Interface, namespace string, o object) error {
	var err error
	if o.resource == namespacesResource {
		_, err = client.Resource(o.resource).Create(ctx, o.unstructured(), metav1.CreateOptions{})
	} else {
		_, err = client.Resource(o.resource).Namespace(namespace).Create(ctx, o.unstructured(), metav1.CreateOptions{})
	}
	if err != nil {
		return fmt.Errorf("making the %s %s: %w", o.content["kind"], o.unstructured().GetName(), err)
	}
	return nil
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return err != nil
}
