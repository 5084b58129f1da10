package kubernetes

import (
	"fmt"
	"maps"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lapse-test/lapse/targets/cluster"
)

// What is made in a namespace of a run's own, besides pods.
var (
	namespacesResource   = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	quotasResource       = schema.GroupVersionResource{Version: "v1", Resource: "resourcequotas"}
	accountsResource     = schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}
	servicesResource     = schema.GroupVersionResource{Version: "v1", Resource: "services"}
	rolesResource        = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"}
	bindingsResource     = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"}
	statefulSetsResource = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "statefulsets"}
	jobsResource         = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
)

// The labels and annotations of a namespace of a run's own.
const (
	labelManaged = "app.kubernetes.io/managed-by"
	labelPart    = "app.kubernetes.io/component"
	// annotationOwner is the process that made it (package owner), and annotationDeadline when it is
	// removed at the latest, as RFC 3339 has times.
	annotationOwner    = "lapse-test/owner"
	annotationDeadline = "lapse-test/deadline"
	// labelLevel is the Pod Security level that is enforced.
	labelLevel = "pod-security.kubernetes.io/enforce"
)

// RunsDir is where the command of an errand has to keep its run, in its pod.
const RunsDir = "/runs"

const (
	managedBy = "lapse"
	// The parts, which are names of objects too.
	partDatabase = "db"
	partHarness  = "lapse"
	partKeeper   = "keeper"
	// containerDatabase is a node's, containerCopy the one beside lapse from which the run is taken.
	containerDatabase, containerCopy = "database", "copy"
	// harmless is a user that needs no rights, in containers of lapse's image.
	harmless = 65532
)

// object is one of what the API keeps.
type object struct {
	resource schema.GroupVersionResource
	content  map[string]any
}

func (o object) unstructured() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: o.content}
}

func meta(name, part string) map[string]any {
	return map[string]any{"name": name, "labels": map[string]any{labelManaged: managedBy, labelPart: part}}
}

// list is a list as the API's objects have it.
func list[T any](of []T) []any {
	out := make([]any, len(of))
	for i, v := range of {
		out[i] = v
	}
	return out
}

// texts is a map as the API's objects have it.
func texts(of map[string]string) map[string]any {
	out := map[string]any{}
	for k, v := range of {
		out[k] = v
	}
	return out
}

func (b build) namespace(owner string) object {
	level := "baseline"
	if b.Enters {
		level = "privileged" // what an ephemeral container needs that breaks a pod
	}
	return object{namespacesResource, map[string]any{
		"apiVersion": "v1", "kind": "Namespace",
		"metadata": map[string]any{
			"name":        b.Name,
			"labels":      map[string]any{labelManaged: managedBy, labelLevel: level},
			"annotations": map[string]any{annotationOwner: owner, annotationDeadline: b.deadline.UTC().Format(time.RFC3339)},
		},
	}}
}

// build is an errand with what its objects need besides.
type build struct {
	cluster.Errand
	// image is lapse's, volume the size of a node's claim, empty for none, and class the
	// claim's storage class.
	image, volume, class string
	deadline             time.Time
}

// objects are all that is in the namespace, in the order in which they are made.
func (b build) objects() []object {
	out := []object{b.quota()}
	out = append(out, account(partKeeper, rule("", "namespaces", []string{"delete"}, b.Name))...)
	out = append(out, b.keeper())
	out = append(out, account(partHarness, b.rights()...)...)
	return append(out, b.service(), b.statefulSet())
}

// quota is what there can be: twice the nodes, as one that ends counts beside its successor.
func (b build) quota() object {
	hard := map[string]string{
		"pods": fmt.Sprint(2*b.Nodes + 4), "services": "1", "count/jobs.batch": "2", "count/statefulsets.apps": "1",
		"persistentvolumeclaims": fmt.Sprint(b.Nodes), "services.loadbalancers": "0", "services.nodeports": "0",
	}
	if b.volume == "" {
		hard["persistentvolumeclaims"] = "0"
	}
	return object{quotasResource, map[string]any{
		"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta(managedBy, partHarness),
		"spec": map[string]any{"hard": texts(hard)},
	}}
}

// rule is a right of a role.
func rule(group, resource string, verbs []string, names ...string) map[string]any {
	r := map[string]any{"apiGroups": []any{group}, "resources": []any{resource}, "verbs": list(verbs)}
	if len(names) > 0 {
		r["resourceNames"] = list(names)
	}
	return r
}

// rights are those of lapse in the namespace: what deploy/kubernetes has in roles, no more than the
// faults take.
func (b build) rights() []map[string]any {
	out := []map[string]any{rule("", "pods", []string{"get", "list"})}
	if b.Enters {
		out = append(out, rule("", "pods/ephemeralcontainers", []string{"patch"}), rule("", "pods/attach", []string{"get", "create"}))
	}
	for _, how := range b.Removals {
		if how == cluster.Eviction {
			out = append(out, rule("", "pods/eviction", []string{"create"}))
		} else {
			out = append(out, rule("", "pods", []string{"delete"}))
		}
	}
	return out
}

// account is a service account with rights in the namespace.
func account(name string, rules ...map[string]any) []object {
	const group = "rbac.authorization.k8s.io"
	return []object{
		{accountsResource, map[string]any{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta(name, name)}},
		{rolesResource, map[string]any{"apiVersion": group + "/v1", "kind": "Role", "metadata": meta(name, name), "rules": list(rules)}},
		{bindingsResource, map[string]any{
			"apiVersion": group + "/v1", "kind": "RoleBinding", "metadata": meta(name, name),
			"roleRef":  map[string]any{"apiGroup": group, "kind": "Role", "name": name},
			"subjects": []any{map[string]any{"kind": "ServiceAccount", "name": name}},
		}},
	}
}

// service gives the nodes their names, also while they are not ready, when they look for each other.
func (b build) service() object {
	return object{servicesResource, map[string]any{
		"apiVersion": "v1", "kind": "Service", "metadata": meta(partDatabase, partDatabase),
		"spec": map[string]any{
			"clusterIP": "None", "publishNotReadyAddresses": true, "selector": map[string]any{labelPart: partDatabase},
			"ports": []any{map[string]any{"name": containerDatabase, "port": int64(b.Pods.Port)}},
		},
	}}
}

// statefulSet has no liveness probe: one would end what a fault has paused.
func (b build) statefulSet() object {
	const volume = "data"
	p := b.Pods
	env := []any{map[string]any{"name": cluster.NodeVariable, "valueFrom": map[string]any{"fieldRef": map[string]any{"fieldPath": "metadata.name"}}}}
	container := map[string]any{
		"name": containerDatabase, "image": p.Image, "args": list(p.Args), "env": env,
		"ports":          []any{map[string]any{"name": containerDatabase, "containerPort": int64(p.Port)}},
		"readinessProbe": map[string]any{"tcpSocket": map[string]any{"port": int64(p.Port)}, "periodSeconds": int64(1)},
		"volumeMounts":   []any{map[string]any{"name": volume, "mountPath": p.Data}},
	}
	if p.Image == "" {
		container["image"] = b.image
	}
	if len(p.Command) > 0 {
		container["command"] = list(p.Command)
	}
	pod := map[string]any{
		"automountServiceAccountToken": false, "enableServiceLinks": false,
		"shareProcessNamespace":         true, // so that a container of lapse's can kill and pause what runs here
		"terminationGracePeriodSeconds": int64(10),
		"containers":                    []any{container},
	}
	if p.User >= 0 {
		pod["securityContext"] = map[string]any{"runAsUser": p.User, "fsGroup": p.User}
	}
	spec := map[string]any{
		"serviceName": partDatabase, "replicas": int64(b.Nodes), "podManagementPolicy": "Parallel",
		"selector": map[string]any{"matchLabels": map[string]any{labelPart: partDatabase}},
		"template": map[string]any{
			"metadata": map[string]any{"labels": map[string]any{labelManaged: managedBy, labelPart: partDatabase}}, "spec": pod,
		},
	}
	if b.volume == "" {
		pod["volumes"] = []any{emptyDir(volume)}
	} else {
		claim := map[string]any{
			"accessModes": []any{"ReadWriteOnce"}, "resources": map[string]any{"requests": map[string]any{"storage": b.volume}},
		}
		if b.class != "" {
			claim["storageClassName"] = b.class
		}
		spec["volumeClaimTemplates"] = []any{map[string]any{"metadata": map[string]any{"name": volume}, "spec": claim}}
	}
	return object{statefulSetsResource, map[string]any{
		"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": meta(partDatabase, partDatabase), "spec": spec,
	}}
}

func emptyDir(name string) map[string]any {
	return map[string]any{"name": name, "emptyDir": map[string]any{}}
}

// own is a container of lapse's image, which needs no rights on its machine.
func (b build) own(name string, args []string, more map[string]any) map[string]any {
	c := map[string]any{
		"name": name, "image": b.image, "args": list(args),
		"securityContext": map[string]any{
			"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": map[string]any{"drop": []any{"ALL"}},
		},
	}
	maps.Copy(c, more)
	return c
}

// job runs containers of lapse's image as one of the accounts.
func (b build) job(part string, spec, pod map[string]any) object {
	template := map[string]any{
		"serviceAccountName": part, "enableServiceLinks": false,
		"securityContext": map[string]any{
			"runAsNonRoot": true, "runAsUser": int64(harmless), "runAsGroup": int64(harmless), "fsGroup": int64(harmless),
			"seccompProfile": map[string]any{"type": "RuntimeDefault"},
		},
	}
	maps.Copy(template, pod)
	job := map[string]any{"template": map[string]any{
		"metadata": map[string]any{"labels": map[string]any{labelManaged: managedBy, labelPart: part}}, "spec": template,
	}}
	maps.Copy(job, spec)
	return object{jobsResource, map[string]any{"apiVersion": "batch/v1", "kind": "Job", "metadata": meta(part, part), "spec": job}}
}

// keeper removes the namespace at the deadline, whoever is there no more. It is made anew wherever its
// machine is lost.
func (b build) keeper() object {
	args := []string{CommandInCluster, CommandExpire, b.Name, b.deadline.UTC().Format(time.RFC3339)}
	return b.job(partKeeper, map[string]any{"backoffLimit": int64(1000)}, map[string]any{
		"restartPolicy": "OnFailure", "containers": []any{b.own(partKeeper, args, nil)},
	})
}

// harness is lapse beside the nodes. Its second container lives on when the first has ended,
// so that the run can be taken from there. It is told to end by CommandEnd, which waits; a pod that is deleted takes the
// run with it, however long it was given, and the namespace would only be there for longer.
func (b build) harness() object {
	runs := map[string]any{"name": "runs", "mountPath": RunsDir}
	tmp := map[string]any{"name": "tmp", "mountPath": "/tmp"}
	main := b.own(partHarness, b.Args, map[string]any{
		"env":          []any{map[string]any{"name": "HOME", "value": "/tmp"}},
		"volumeMounts": []any{runs, tmp},
	})
	copies := b.own(containerCopy, []string{CommandInCluster, CommandHold}, map[string]any{"volumeMounts": []any{runs}})
	return b.job(partHarness, map[string]any{"backoffLimit": int64(0), "activeDeadlineSeconds": int64(time.Until(b.deadline).Seconds())}, map[string]any{
		"restartPolicy": "Never", "terminationGracePeriodSeconds": int64(30),
		"containers": []any{main, copies}, "volumes": []any{emptyDir("runs"), emptyDir("tmp")},
	})
}
