package kubernetes

import (
	"fmt"
	"slices"
)

// container is how a container of the pod's is, nil if nothing is known of it.
func (p *pod) container(name string) *containerStatus {
	i := slices.IndexFunc(p.Status.Containers, func(s containerStatus) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &p.Status.Containers[i]
}

// troubles is what the containers wait for, empty or with a comma before it.
func (p *pod) troubles() string {
	out := ""
	for _, s := range p.Status.Containers {
		if w := s.State.Waiting; w != nil {
			out += fmt.Sprintf(", %s waits: %s %s", s.Name, w.Reason, w.Message)
		}
	}
	for _, c := range p.Status.Conditions {
		if c.Status == "False" && c.Type == "PodScheduled" {
			out += fmt.Sprintf(", %s: %s", c.Reason, c.Message)
		}
	}
	return out
}

// without are reasons to wait that no time mends.
var without = []string{"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError"}

// hopeless is why a container will not run, empty if it may.
func (p *pod) hopeless() string {
	for _, s := range p.Status.Containers {
		if w := s.State.Waiting; w != nil && slices.Contains(without, w.Reason) {
			return w.Reason + " " + w.Message
		}
	}
	return ""
}
