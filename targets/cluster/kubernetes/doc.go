// Package kubernetes finds databases that run as pods in a cluster of Kubernetes, by a label
// selector, and has pods replaced by what keeps them: a StatefulSet, or an operator. It
// changes nothing but by the faults that were asked for.
//
// A pod that belongs to a StatefulSet has a name in the cluster's DNS that its successor
// takes over, at another address. That name is the node's address here, so that clients
// follow it as those of the cluster's own applications do. Only pods resolve such names and
// reach such addresses: lapse runs as one itself (docs/kubernetes.md).
package kubernetes
