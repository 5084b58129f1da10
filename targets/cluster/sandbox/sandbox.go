// Package sandbox runs a cluster in Linux namespaces, as root and, through a
// user namespace, as an ordinary user, with nothing installed.
//
// The command re-executes itself:
//
//	func main() {
//		inside, code, err := sandbox.Enter(ctx, sandbox.Options{})
//		if err != nil { ... }            // *cluster.EnvironmentError: could not
//		if !inside { os.Exit(code) }     // it ran in the sandbox, to its end
//		...                              // this is the harness, in the sandbox
//	}
//
// There are three processes then:
//
//	outer     the command that was started; it forwards signals and waits
//	 `- init  process 1 of a fresh PID, network, mount and IPC namespace (and user
//	    |     namespace, unless root): reaps orphans, and its end is everybody's
//	    `- harness   the same command line once more, Inside() is true
//	        `- nodes, each in a network namespace of its own
//
// When init ends, for whatever reason, the kernel kills every process, and with
// them vanish the network namespaces, interfaces, firewall rules, mounts and
// shared memory. init ends when the harness does, and when the outer process is
// gone (it holds a pipe open, and there is a parent-death signal as well), so
// that kill -9 of any of the three leaves nothing. Of both init and the outer
// process it can leave an empty control group, which Clean removes.
//
// In the sandbox there is only the network that the nodes share with the
// harness: whatever has to be downloaded is downloaded before Enter. Files are
// seen and written as outside, except for one place in memory (see Private)
// where the nodes' directories are.
//
// Tests enter through the package sandboxtest:
//
//	func TestMain(m *testing.M) { os.Exit(sandboxtest.Main(m)) }
//
// A process of a binary that imports this package takes the role of init when it
// is started as such by Enter, before main is reached.
package sandbox

import (
	"os"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Name is the provider's name.
const Name = "sandbox"

// Options is how the sandbox is to be.
type Options struct {
	// Visible are paths that must be the same inside and outside, such as the
	// results directory. The working directory, the directory for temporary
	// files and the executable are so anyway.
	Visible []string
	// PrivateSize limits the private place in memory, in bytes; 0 is half of the
	// machine's memory.
	PrivateSize int64
	// Env is added to the environment of the process inside, as KEY=value.
	Env []string
	// Files are open there too: File finds them by their place in the list. A socket
	// stays one of the network outside.
	Files []*os.File
}

// Provider makes clusters of network namespaces; the zero value is ready. It is
// safe for concurrent use.
//
// Available may be asked anywhere; outside of the sandbox it tries out, in a
// process of its own, whether a sandbox with a node in it can be made. Open
// works only inside.
type Provider struct{}

var _ interface {
	cluster.Provider
	cluster.Capable
} = Provider{}

// Name is "sandbox".
func (Provider) Name() string { return Name }
