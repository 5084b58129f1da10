package ability

// Centres says that the nodes are in more than one data centre.
const Centres Ability = "centres"

// DataCentred is the interface of Centres. It may be called from several
// goroutines at once.
type DataCentred interface {
	// DataCentres is the data centre of each node, by their names.
	DataCentres() map[string]string
}
