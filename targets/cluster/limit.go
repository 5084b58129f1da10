package cluster

import "context"

// Resource is what the kernel lets a process have only so much of (setrlimit(2)).
type Resource string

// The resources.
const (
	// OpenFiles are file descriptors (RLIMIT_NOFILE), connections among them.
	OpenFiles Resource = "open files"
	// Memory is the address space in bytes (RLIMIT_AS): what is mapped, used or not.
	Memory Resource = "memory"
)

// Allowance is what one process has of a resource and may have.
type Allowance struct {
	Pid int
	// Has is the number of file descriptors, or of bytes; May the limit, the highest number
	// there is for none. A descriptor's number must be below it.
	Has, May uint64
	// Full says that it can have no more.
	Full bool
}

// Limits is that processes can be limited while they run.
var Limits Capability = nodesAre[Limiter]{words{"limits", "processes that lapse can limit while they run", "memory and file descriptors that run out"}}

// Limiter is the interface of Limits, implemented by nodes whose processes can be limited while they run. Its
// methods are safe for concurrent use; limits end with the processes.
type Limiter interface {
	// Limit has each process of the node get no more of r: no memory besides what it has
	// now, and no file descriptor from half of those on that it has. What it has, it keeps.
	// Processes that they start inherit that. It may be called again, for what they have
	// given back since.
	Limit(ctx context.Context, r Resource) error
	// Unlimit gives back to each what it might have before. No limit is no error.
	Unlimit(ctx context.Context, r Resource) error
	// Allowances are what the kernel says of each process now, the main process first; none
	// if none runs.
	Allowances(r Resource) ([]Allowance, error)
	// Refused is what shows that processes of the node wanted more of r than they may have,
	// from when it was first limited until now. It is to be asked while they are limited.
	Refused(r Resource) (Refusals, error)
}

// Refusals show that somebody ran into a limit. The kernel counts none itself.
type Refusals struct {
	// Lines of the node's logs have the operating system's words for it.
	Lines int
	// Unread says that a log was not read to its end, because it had grown too much meanwhile:
	// there may be more such lines.
	Unread bool
	// Waiting connections are not accepted by a process that can have no more descriptors.
	Waiting int
}
