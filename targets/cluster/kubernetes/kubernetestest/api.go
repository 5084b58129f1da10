// Package kubernetestest answers tests as an API server of Kubernetes does, as far as lapse
// asks one. What a real one does is seen by make test-kubernetes (room realcluster).
package kubernetestest

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Namespace and Selector are those of the pods, Context that of the kubeconfig.
const (
	Namespace = "shop"
	Selector  = "app=db"
	Context   = "staging"
)

// API is a stand-in for an API server with one namespace. The zero value has nothing, and a
// user without rights. Its fields are not for use while it serves, but by Change.
type API struct {
	mu sync.Mutex
	// Pods are the objects by their names.
	Pods map[string]map[string]any
	// Rights are verbs and resources that the user has, such as "delete pods".
	Rights []string
	// Budget is how many evictions are refused, because no pod can be done without.
	Budget int
	// Meanwhile is called, unless it is nil, before each removal with the pod as it is then.
	Meanwhile func(pod map[string]any)
	// Asked are the deletions and evictions that were asked for, with their bodies.
	Asked []string

	// Within is about containers that are put into pods.
	Within

	created int
}

// Change lets f change the API while it serves.
func (a *API) Change(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
}

// Serve starts the API until the end of the test, and returns the path of a kubeconfig that
// has it as Context alone.
func (a *API) Serve(t testing.TB) string {
	t.Helper()
	s := httptest.NewTLSServer(a)
	t.Cleanup(s.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	path := filepath.Join(t.TempDir(), "config")
	config := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "none",
"clusters": [{"name": "c", "cluster": {"server": %q, "certificate-authority-data": %q}}], "users": [{"name": "u", "user": {"token": %q}}],
"contexts": [{"name": %q, "context": {"cluster": "c", "user": "u"}}]}`, s.URL, base64.StdEncoding.EncodeToString(authority), token, Context)
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// token lets the user of Serve's kubeconfig in.
const token = "let-me-in"

const (
	podsPath    = "/api/v1/namespaces/" + Namespace + "/pods"
	reviewsPath = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
)

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, sub, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, podsPath), "/"), "/")
	if sub == "attach" && r.Header.Get("Authorization") == "Bearer "+token {
		a.attach(w, r, name)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	body := map[string]any{}
	if r.Method != http.MethodGet {
		_ = json.NewDecoder(r.Body).Decode(&body) // what cannot be read is nothing
	}
	pod := a.Pods[name]
	if pod != nil {
		at(pod, "metadata")["resourceVersion"] = version(pod)
	}
	switch {
	case r.Header.Get("Authorization") != "Bearer "+token:
		status(w, http.StatusUnauthorized, "Unauthorized", "who are you")
	case r.URL.Path == reviewsPath:
		a.review(w, body)
	case name == "" && r.Method == http.MethodGet:
		a.list(w, r.URL.Query().Get("labelSelector"))
	case name == "":
		a.create(w, body)
	case pod == nil:
		status(w, http.StatusNotFound, "NotFound", "there is no such pod")
	case sub == "status":
		pod["status"] = body["status"]
		answer(w, http.StatusOK, pod)
	case r.Method == http.MethodGet:
		answer(w, http.StatusOK, pod)
	case sub == "ephemeralcontainers":
		a.put(w, pod, body, r.URL.Query().Has("dryRun"))
	default:
		a.remove(w, r.Method, name, sub, body)
	}
}

func (a *API) review(w http.ResponseWriter, body map[string]any) {
	attributes := at(at(body, "spec"), "resourceAttributes")
	right := fmt.Sprint(attributes["verb"], " ", attributes["resource"])
	if s, ok := attributes["subresource"]; ok {
		right += "/" + fmt.Sprint(s)
	}
	body["status"] = map[string]any{"allowed": slices.Contains(a.Rights, right) && attributes["namespace"] == Namespace}
	answer(w, http.StatusCreated, body)
}

func (a *API) list(w http.ResponseWriter, selector string) {
	if !slices.Contains(a.Rights, "list pods") {
		status(w, http.StatusForbidden, "Forbidden", "pods is forbidden")
		return
	}
	items := []any{}
	for _, p := range a.Pods {
		if selector == Selector {
			items = append(items, p)
		}
	}
	answer(w, http.StatusOK, map[string]any{"apiVersion": "v1", "kind": "PodList", "metadata": map[string]any{}, "items": items})
}

func (a *API) create(w http.ResponseWriter, pod map[string]any) {
	a.created++
	meta := at(pod, "metadata")
	name := fmt.Sprint(meta["name"])
	if a.Pods[name] != nil {
		status(w, http.StatusConflict, "AlreadyExists", "there is one")
		return
	}
	meta["uid"] = fmt.Sprintf("uid-%d", a.created)
	if a.Pods == nil {
		a.Pods = map[string]map[string]any{}
	}
	a.Pods[name] = pod
	answer(w, http.StatusCreated, pod)
}

// remove deletes or evicts. A pod that is on a machine ends when that machine's kubelet says
// so, by a deletion without any grace.
func (a *API) remove(w http.ResponseWriter, method, name, sub string, body map[string]any) {
	text, _ := json.Marshal(body) // it was decoded from JSON
	if a.Meanwhile != nil {
		a.Meanwhile(a.Pods[name])
		at(a.Pods[name], "metadata")["resourceVersion"] = version(a.Pods[name])
	}
	a.Asked = append(a.Asked, method+" "+strings.TrimSuffix(name+"/"+sub, "/")+" "+string(text))
	options := body
	if sub == "eviction" {
		if a.Budget > 0 {
			a.Budget--
			status(w, http.StatusTooManyRequests, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.")
			return
		}
		options = at(body, "deleteOptions")
	}
	pod := a.Pods[name]
	for key, want := range at(options, "preconditions") {
		if want != at(pod, "metadata")[key] {
			status(w, http.StatusConflict, "Conflict", "the "+key+" in the precondition is another")
			return
		}
	}
	if grace, ok := options["gracePeriodSeconds"].(float64); at(pod, "spec")["nodeName"] != nil && (!ok || grace > 0) {
		at(pod, "metadata")["deletionTimestamp"] = "2026-11-29T10:00:00Z"
	} else {
		delete(a.Pods, name)
	}
	answer(w, http.StatusOK, map[string]any{"apiVersion": "v1", "kind": "Status", "status": "Success"})
}

// version is another one for every state of a pod.
func version(pod map[string]any) string {
	meta := at(pod, "metadata")
	delete(meta, "resourceVersion")
	h := fnv.New64a()
	text, _ := json.Marshal(pod) // it was decoded from JSON
	h.Write(text)
	return strconv.FormatUint(h.Sum64(), 10)
}

// at is the object below key, an empty one if there is none.
func at(object map[string]any, key string) map[string]any {
	below, _ := object[key].(map[string]any)
	if below == nil {
		return map[string]any{}
	}
	return below
}

func answer(w http.ResponseWriter, code int, object any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(object) // who asks sees it
}

func status(w http.ResponseWriter, code int, reason, message string) {
	answer(w, code, map[string]any{"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": reason, "message": message, "code": code})
}
