// Package compare measures quorumkv beside etcd on one machine, each as three processes of its own, in turn and under the same load:
// `make bench-quorumkv`. It has a benchmark and no code of the store.
package compare
