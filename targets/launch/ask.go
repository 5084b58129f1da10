package launch

import "fmt"

// Ask connects to node i of f, calls use with the connection and ends it. The error names
// the node.
func Ask[C any](f *Fleet, i int, connect func() (C, error), end func(C), use func(C) error) error {
	c, err := connect()
	if err == nil {
		defer end(c)
		err = use(c)
	}
	if err != nil {
		return fmt.Errorf("asking %s: %w", f.Nodes[i].Name(), err)
	}
	return nil
}
