package disk

import "github.com/lapse-test/lapse/targets/cluster"

// orders are what whoever serves a file system is told first.
type orders struct {
	// Backing is the directory that it stores everything in, Mount the one at which it is
	// seen; Log is its own log.
	Backing, Mount, Log string
	// Overflow is a directory for a file without a name: for content for which memory has no room.
	Overflow string
	// Harness is the process whose writes are durable at once; 0 for none.
	Harness int
}

// request is what it is asked for after that. Each is answered, in their order.
type request struct {
	Settle bool                  `json:",omitempty"`
	Power  *cluster.PowerFailure `json:",omitempty"`
	Break  *cluster.DiskFault    `json:",omitempty"`
	Mend   bool                  `json:",omitempty"`
	Counts bool                  `json:",omitempty"`
}

// answer is its answer, to the orders too.
type answer struct {
	Err    string             `json:",omitempty"`
	Loss   cluster.DiskLoss   `json:",omitzero"`
	Counts cluster.DiskCounts `json:",omitzero"`
}
