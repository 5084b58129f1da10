package ability

// Centres says that the nodes are in more than one data centre.
var Centres Ability = of[DataCentred]{"centres", "more than one data centre"}

// DataCentred is the interface of Centres. It may be called from several
// goroutines at once.
type DataCentred interface {
	// DataCentres is the data centre of each node, by their names.
	DataCentres() map[string]string
}
