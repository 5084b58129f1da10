package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// IsNodeName tells whether a node can be called name: up to 32 lower case letters, digits and '-', which stands neither first nor
// last. A name becomes part of a directory, of an interface's label and of a firewall's comment, so that only what all of them allow is let through.
func IsNodeName(name string) bool {
	return IsName(name, 32, "") && name == strings.ToLower(name) && name[len(name)-1] != '-'
}

// IsName tells whether name has up to most letters and digits, and, not at its beginning, '-' and what is in also. It is no regular
// expression because that of such a bound is long to compile, which every command would wait for.
func IsName(name string, most int, also string) bool {
	for i, c := range []byte(name) {
		alphanumeric := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !alphanumeric && (i == 0 || c != '-' && strings.IndexByte(also, c) < 0) {
			return false
		}
	}
	return name != "" && len(name) <= most
}

// Check returns what is wrong with the Spec, whichever provider is to serve it.
func (s Spec) Check() error {
	if !IsName(s.Run, 128, "._") {
		return fmt.Errorf("run name %q: want letters, digits, '.', '_' and '-'", s.Run)
	}
	if len(s.Nodes) == 0 {
		return errors.New("a cluster needs at least one node")
	}
	seen := map[string]bool{}
	for _, n := range slices.Concat(s.Nodes, s.Beside) {
		switch {
		case n == Clients:
			return fmt.Errorf("node name %q is taken: it names the place of the clients", n)
		case !IsNodeName(n):
			return fmt.Errorf("node name %q: want lower case letters, digits and '-', such as n1", n)
		case seen[n]:
			return fmt.Errorf("node name %q is there twice", n)
		}
		seen[n] = true
	}
	for _, p := range s.Ports {
		if p < 1 || p > 65535 {
			return fmt.Errorf("port %d: want 1 to 65535", p)
		}
	}
	if len(s.At) != 0 && len(s.At) != len(s.Nodes) {
		return fmt.Errorf("%d addresses for %d nodes", len(s.At), len(s.Nodes))
	}
	if c := s.Container; c != nil && c.Image == "" {
		return errors.New("nodes as containers need an image (Spec.Container)")
	}
	for l, q := range s.Links {
		if err := q.Check(); err != nil {
			return fmt.Errorf("link %v: %w", l, err)
		}
	}
	if s.LogDir == "" {
		return errors.New("a cluster needs a directory for its logs (Spec.LogDir)")
	}
	return nil
}

// Container is how a node is made as a container. It changes nothing for providers
// whose nodes are none.
type Container struct {
	// Image is its name, with a tag or a digest.
	Image string
	// User is the name or number of the image's user that the database runs as,
	// for its files. Empty means the user that the image itself names.
	User string
	// Mounts are files and directories of this machine that the nodes see, at the
	// same path, and cannot change.
	Mounts []string
}

// Imaged is implemented by clusters whose nodes are containers.
type Imaged interface {
	// Image is the image that they are made of.
	Image() string
}

// ImageOf is the image that c's nodes are made of, empty where they are no
// containers. Software that a target fetched or found on this machine is not in a
// container: there the image has it.
func ImageOf(c Cluster) string {
	if i, ok := c.(Imaged); ok {
		return i.Image()
	}
	return ""
}
