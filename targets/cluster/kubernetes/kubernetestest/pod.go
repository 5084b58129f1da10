package kubernetestest

// Pod is a pod of a StatefulSet that is called as its service is.
type Pod struct {
	// Name is the pod's, and Subdomain that of the service that gives it a name in DNS;
	// empty for none.
	Name, Subdomain string
	// Claim is the volume that its successor has too; empty for none.
	Claim string
	// Bare says that nothing keeps it.
	Bare bool
	// Machine is the name of the node of Kubernetes that it is on; empty for none yet.
	Machine string
}

// Object is the pod as the API takes it. Owner is the uid of the StatefulSet.
func (p Pod) Object(owner string) map[string]any {
	meta := map[string]any{"name": p.Name, "namespace": Namespace, "labels": map[string]any{"app": "db"}}
	if !p.Bare {
		meta["ownerReferences"] = []any{map[string]any{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": owner, "controller": true}}
	}
	spec := map[string]any{
		"containers":                   []any{map[string]any{"name": "db", "image": "lapse"}},
		"automountServiceAccountToken": false,
	}
	if p.Subdomain != "" {
		spec["hostname"], spec["subdomain"] = p.Name, p.Subdomain
	}
	if p.Claim != "" {
		spec["volumes"] = []any{map[string]any{"name": "data", "persistentVolumeClaim": map[string]any{"claimName": p.Claim}}}
	}
	if p.Machine != "" {
		spec["nodeName"] = p.Machine
	}
	return map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
}

// Status is what a kubelet says of a pod that is at ip.
func Status(phase, ip string, ready bool) map[string]any {
	is := "False"
	if ready {
		is = "True"
	}
	return map[string]any{"phase": phase, "podIP": ip, "podIPs": []any{map[string]any{"ip": ip}}, "conditions": []any{map[string]any{"type": "Ready", "status": is}}}
}
