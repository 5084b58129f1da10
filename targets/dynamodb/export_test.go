package dynamodb

// Software is the cache that the tests use.
func Software() string { return software.Dir() }
