package kubernetes

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Scheme begins a value of --at that is a label selector.
const Scheme = "k8s:"

// mark is what a value of --at says.
type mark struct {
	namespace, selector string
	// port is 0 for the database's usual one, and context empty for the current one of
	// the kubeconfig.
	port    int
	context string
	// inside asks as the service account of the pod that this is, whatever kubeconfig there is.
	inside bool
	// image is what containers that are put into pods are made of; empty for that of the pod
	// which lapse runs in.
	image string
	// kubeconfig lists the paths of those to read, as KUBECONFIG does, empty for what kubectl reads. It is no part of the text.
	kubeconfig string
}

// inCluster stands where a context may stand.
const inCluster = "in-cluster"

const wanted = "want " + Scheme + "NAMESPACE/SELECTOR, such as " + Scheme + "shop/app=db, and perhaps :PORT and ?context=NAME or ?" + inCluster + ", and &image=NAME, after it"

// String is what parseMark reads.
func (m mark) String() string {
	text := Scheme + m.namespace + "/" + m.selector
	if m.port != 0 {
		text += ":" + strconv.Itoa(m.port)
	}
	var query []string
	switch {
	case m.inside:
		query = append(query, inCluster)
	case m.context != "":
		query = append(query, "context="+m.context)
	}
	if m.image != "" {
		query = append(query, "image="+m.image)
	}
	if len(query) > 0 {
		text += "?" + strings.Join(query, "&")
	}
	return text
}

// parseMark reads k8s:NAMESPACE/SELECTOR[:PORT][?context=NAME], or ?in-cluster in place of a context, and &image=NAME. Its errors are
// *cluster.MarkError.
func parseMark(at string) (mark, error) {
	wrong := func(format string, args ...any) (mark, error) {
		return mark{}, &cluster.MarkError{Text: fmt.Sprintf("%s: %s; %s", at, fmt.Sprintf(format, args...), wanted)}
	}
	rest, query, asked := strings.Cut(strings.TrimPrefix(at, Scheme), "?")
	var m mark
	for part := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(part, "=")
		switch {
		case !asked:
		case part == inCluster && m.context == "":
			m.inside = true
		case key == "context" && value != "" && !m.inside:
			m.context = value
		case key == "image" && value != "":
			m.image = value
		default:
			return wrong("after the question mark there can be context=NAME or %s, and image=NAME, alone", inCluster)
		}
	}
	// Neither keys nor values of labels have a colon.
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		n, err := strconv.ParseUint(rest[i+1:], 10, 16)
		if err != nil || n == 0 {
			return wrong("%q is no port", rest[i+1:])
		}
		rest, m.port = rest[:i], int(n)
	}
	m.namespace, m.selector, _ = strings.Cut(rest, "/")
	if len(validation.IsDNS1123Label(m.namespace)) > 0 {
		return wrong("%q is no namespace", m.namespace)
	}
	s, err := labels.Parse(m.selector)
	if err != nil {
		return wrong("the label selector cannot be read (%v)", err)
	}
	if s.Empty() {
		return wrong("there is no label selector")
	}
	return m, nil
}
