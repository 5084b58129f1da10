package kubernetes

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lapse-test/lapse/targets/cluster"
)

// pod is what matters here of the API's object of that kind. Its own type would bring the
// code of all others along.
type pod struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Hostname  string `json:"hostname"`
		Subdomain string `json:"subdomain"`

		HostNetwork           bool `json:"hostNetwork"`
		HostPID               bool `json:"hostPID"`
		ShareProcessNamespace bool `json:"shareProcessNamespace"`

		Containers []struct {
			Name  string `json:"name"`
			Image string `json:"image"`
		} `json:"containers"`
		Volumes []struct {
			Claim *struct {
				Name string `json:"claimName"`
			} `json:"persistentVolumeClaim"`
		} `json:"volumes"`
	} `json:"spec"`
	Status struct {
		Phase  string `json:"phase"`
		PodIP  string `json:"podIP"`
		PodIPs []struct {
			IP string `json:"ip"`
		} `json:"podIPs"`
		Conditions []condition       `json:"conditions"`
		Containers []containerStatus `json:"containerStatuses"`
		Ephemeral  []struct {
			Name  string         `json:"name"`
			State containerState `json:"state"`
		} `json:"ephemeralContainerStatuses"`
	} `json:"status"`
}

// containerStatus is how a container is.
type containerStatus struct {
	Name     string         `json:"name"`
	Restarts int            `json:"restartCount"`
	State    containerState `json:"state"`
}

// containerState has one of its fields.
type containerState struct {
	Running *struct{} `json:"running"`
	Waiting *struct {
		Reason  string `json:"reason"`
		Message string `json:"message"`
	} `json:"waiting"`
	Terminated *struct {
		ExitCode int    `json:"exitCode"`
		Reason   string `json:"reason"`
		Message  string `json:"message"`
	} `json:"terminated"`
}

// condition is one of a pod's.
type condition struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// read makes a pod of what the API answered.
func read(u *unstructured.Unstructured) (*pod, error) {
	p := &pod{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, p); err != nil {
		return nil, fmt.Errorf("reading the pod %s/%s: %w", u.GetNamespace(), u.GetName(), err)
	}
	return p, nil
}

// sixth is an IPv6 address of the pod's, empty if it has none.
func (p *pod) sixth() string {
	for _, at := range p.Status.PodIPs {
		if addr, err := netip.ParseAddr(at.IP); err == nil && !addr.Unmap().Is4() {
			return at.IP
		}
	}
	return ""
}

// sorted puts pods in the order of their names, db-2 before db-10.
func sorted(pods []*pod) []*pod {
	return slices.SortedFunc(slices.Values(pods), func(a, b *pod) int {
		aStem, aNumber := ordinal(a.Name)
		bStem, bNumber := ordinal(b.Name)
		return cmp.Or(strings.Compare(aStem, bStem), cmp.Compare(aNumber, bNumber), strings.Compare(a.Name, b.Name))
	})
}

// ordinal takes a name apart at its last hyphen; the number is -1 if there is none.
func ordinal(name string) (stem string, number int) {
	i := strings.LastIndexByte(name, '-')
	if n, err := strconv.Atoi(name[i+1:]); err == nil && i >= 0 {
		return name[:i], n
	}
	return name, -1
}

// named tells whether the pod has a name in the cluster's DNS, which its successor takes over: a StatefulSet's host
// name is the pod's own, a Deployment's template can give all its pods one, and their successors have other names.
func named(p *pod) bool { return p.Spec.Hostname == p.Name && p.Spec.Subdomain != "" }

// address is where clients find the pod: by its name if it has one, else where it is now. A
// port of 0 is left out.
func address(p *pod, port int) string {
	host := p.Status.PodIP
	if named(p) {
		host = p.Spec.Hostname + "." + p.Spec.Subdomain + "." + p.Namespace + ".svc"
	}
	if port == 0 {
		return host
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// ready is the pod's own condition.
func ready(p *pod) bool {
	return p.DeletionTimestamp == nil && slices.ContainsFunc(p.Status.Conditions, func(c condition) bool {
		return c.Type == "Ready" && c.Status == "True"
	})
}

// state is what the pod does, in words; empty if it is ready.
func state(p *pod) string {
	switch {
	case p.DeletionTimestamp != nil:
		return "is being deleted"
	case ready(p):
		return ""
	case p.Status.Phase == "Running":
		return "runs and is not ready"
	}
	return "is " + cmp.Or(p.Status.Phase, "Pending")
}

// keeps says what of the pod's data its successor has.
func keeps(p *pod) string {
	var claims []string
	for _, v := range p.Spec.Volumes {
		if v.Claim != nil {
			claims = append(claims, v.Claim.Name)
		}
	}
	if len(claims) == 0 {
		return "it has no volume that is claimed: its successor begins without what it has stored"
	}
	return "its successor has what is in " + strings.Join(claims, ", ")
}

// incarnation is the life of a node that the pod is.
func incarnation(p *pod) cluster.Incarnation {
	return cluster.Incarnation{
		ID: string(p.UID), Ending: p.DeletionTimestamp != nil, Ready: ready(p),
		Kept: metav1.GetControllerOf(p) != nil, Address: p.Status.PodIP, Keeps: keeps(p),
	}
}
