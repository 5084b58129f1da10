package realcluster

import (
	"context"
	"embed"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/lapse-test/lapse/targets/software"
)

// modules pins what is built, as software.GoModule takes it.
//
//go:embed modules
var modules embed.FS

// version is that of Kubernetes.
const version = "v1.34.4"

// programs are the directories of what the cluster runs.
type programs struct{ etcd, kubernetes, beside string }

// fetch builds what is not in the user's cache: twenty minutes on two cores at first.
func fetch(t testing.TB) programs {
	t.Helper()
	read := func(name string) []byte {
		text, err := fs.ReadFile(modules, "modules/"+name)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	base := "k8s.io/component-base/version."
	kubernetes := software.GoModule{
		Target: "kubernetes", Title: "Kubernetes " + version, Version: version,
		Mod: read("kubernetes/server.mod"), Sum: read("kubernetes/server.sum"), Packages: map[string]string{},
		Linking: "-s -w -X " + base + "gitVersion=" + version + " -X " + base + "gitMajor=1 -X " + base + "gitMinor=34 -X " + base + "gitTreeState=clean",
	}
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl"} {
		kubernetes.Packages[name] = "k8s.io/kubernetes/cmd/" + name
	}
	beside := software.GoModule{
		Target: "kubernetes", Title: "what is beside Kubernetes", Linking: "-s -w",
		Mod: read("beside/server.mod"), Sum: read("beside/server.sum"), Packages: map[string]string{"coredns": "./dns", "pause": "./pause"},
		Files: map[string][]byte{"dns/main.go": read("beside/dns.go.txt"), "pause/main.go": read("beside/pause.go.txt")},
	}
	containers := software.Debian{Title: "containerd", Packages: []string{"containerd", "runc", "containernetworking-plugins", "iproute2"},
		Programs: []string{"containerd", "ctr", "runc", "ip"}, Files: []string{"/usr/lib/cni/bridge"}, Dirs: []string{"/usr/sbin", "/sbin"}}
	etcd := software.Debian{Title: "etcd", Packages: []string{"etcd-server"}, Programs: []string{"etcd"}}
	found := func(s software.Source, program string) string {
		if err := s.Fetch(t.Context(), cache(t), func(line string) { t.Log(line) }); err != nil {
			t.Fatal(err)
		}
		p, err := s.Find(context.Background(), cache(t))
		if err != nil {
			t.Fatal(err)
		}
		return p.Paths[program]
	}
	found(containers, "containerd")
	return programs{
		etcd: found(etcd, "etcd"), kubernetes: filepath.Dir(found(kubernetes, "kubelet")), beside: filepath.Dir(found(beside, "coredns")),
	}
}

// cache is where lapse keeps what it has built.
func cache(t testing.TB) string {
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "lapse")
}
