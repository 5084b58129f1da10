#!/bin/sh
# The first process of the cluster's own namespaces: everything below it ends with it.
# Arguments: the cluster's directory, the one of etcd, that of Kubernetes, that of what is beside it.
set -eu
dir=$1 etcd=$2 kubernetes=$3 beside=$4
cgroup=$(basename "$dir")

mount --make-rshared /
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
ip link set lo up
ip link add machine type bridge
ip address add 192.168.77.1/24 dev machine
ip link set machine up
# What has these addresses in a cluster is kube-proxy: here both services are on this machine.
ip address add 10.96.0.1/32 dev lo
ip address add 10.96.0.10/32 dev lo
echo 1 >/proc/sys/net/ipv4/ip_forward
for controller in /sys/fs/cgroup/*/; do
  [ -w "${controller}cgroup.procs" ] && mkdir -p "$controller$cgroup"
done
# Children take their settings from the parent, and begin with none.
for file in cpuset.cpus cpuset.mems; do
  cat "/sys/fs/cgroup/cpuset/$file" >"/sys/fs/cgroup/cpuset/$cgroup/$file"
done

log() { name=$1; shift; "$@" >"$dir/$name.log" 2>&1 & }

log etcd "$etcd" --data-dir "$dir/etcd" --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
  --listen-peer-urls http://127.0.0.1:2380 --unsafe-no-fsync
log kube-apiserver "$kubernetes/kube-apiserver" --etcd-servers http://127.0.0.1:2379 --secure-port 443 --advertise-address 192.168.77.1 \
  --service-cluster-ip-range 10.96.0.0/16 --tls-cert-file "$dir/apiserver.crt" --tls-private-key-file "$dir/apiserver.key" --client-ca-file "$dir/ca.crt" \
  --kubelet-client-certificate "$dir/admin.crt" --kubelet-client-key "$dir/admin.key" --kubelet-preferred-address-types InternalIP \
  --service-account-issuer https://kubernetes.default.svc --service-account-key-file "$dir/accounts.key" --service-account-signing-key-file "$dir/accounts.key" \
  --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction --allow-privileged --cert-dir "$dir"
log kube-scheduler "$kubernetes/kube-scheduler" --kubeconfig "$dir/scheduler.conf" --leader-elect=false --bind-address 127.0.0.1 --cert-dir "$dir/scheduler"
log containerd containerd --config "$dir/containerd.toml"
log kubelet "$kubernetes/kubelet" --config "$dir/kubelet.yaml" --kubeconfig "$dir/kubelet.conf" --hostname-override machine --node-ip 192.168.77.1 \
  --root-dir "$dir/kubelet" --cert-dir "$dir/kubelet-pki"
echo started >"$dir/started"
until "$kubernetes/kubectl" --kubeconfig "$dir/admin.conf" get --raw /readyz >/dev/null 2>&1; do sleep 0.2; done
# They wait ten seconds for an API server that is ready, which a busy machine outruns.
log kube-controller-manager "$kubernetes/kube-controller-manager" --kubeconfig "$dir/controllers.conf" --service-account-private-key-file "$dir/accounts.key" \
  --root-ca-file "$dir/ca.crt" --use-service-account-credentials --leader-elect=false --bind-address 127.0.0.1 --cert-dir "$dir/controllers"
log coredns "$beside/coredns" -conf "$dir/Corefile"
while :; do wait || sleep 1; sleep 1; done
