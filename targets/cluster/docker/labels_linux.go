package docker

// The labels that everything carries.
const (
	labelRun = "lapse.run"
	// labelOwner is the process that made it, see package owner.
	labelOwner = "lapse.owner"
	// labelNode is the node of a container.
	labelNode = "lapse.node"
	// labelDir is the directory of the nodes' directories, on a network.
	labelDir = "lapse.dir"
	// labelTable is the nftables table in this machine's namespace, on a network.
	labelTable = "lapse.table"
)
