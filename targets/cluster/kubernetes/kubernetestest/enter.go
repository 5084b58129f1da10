package kubernetestest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/websocket"

	"github.com/lapse-test/lapse/targets/cluster/kubernetes/inpod"
)

// Within is what containers do that are put into pods. The zero value starts each at once, which then ends
// with the connection to it.
type Within struct {
	// Answer is what the agent in a pod answers; nil answers all without an error.
	Answer func(pod string, o inpod.Order) inpod.Answer
	// Slow containers do not run until Run is called, and Lingering ones do not end with their connection.
	Slow, Lingering bool
	// Put are the arguments of those that were put into pods, with the pods' names before them.
	Put []string

	connections []*websocket.Conn
}

// Run starts, or ends, all containers that were put into a pod.
func (a *API) Run(pod string, run bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range containers(a.Pods[pod]) {
		s.(map[string]any)["state"] = state(run)
	}
}

// Lose cuts all connections with containers, as an API server does that is started again.
func (a *API) Lose() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.connections {
		_ = c.Close() // it may have ended
	}
	a.connections = nil
}

func state(run bool) map[string]any {
	if run {
		return map[string]any{"running": map[string]any{}}
	}
	return map[string]any{"terminated": map[string]any{"exitCode": 0, "reason": "Completed"}}
}

func containers(pod map[string]any) []any {
	all, _ := at(pod, "status")["ephemeralContainerStatuses"].([]any)
	return all
}

// put adds ephemeral containers to a pod; a.mu is held.
func (a *API) put(w http.ResponseWriter, pod, body map[string]any, dry bool) {
	all, _ := at(body, "spec")["ephemeralContainers"].([]any)
	for _, c := range all {
		if dry {
			break
		}
		container := c.(map[string]any)
		is := state(true)
		if a.Slow {
			is = map[string]any{"waiting": map[string]any{"reason": "ContainerCreating"}}
		}
		at(pod, "status")["ephemeralContainerStatuses"] = append(containers(pod), map[string]any{"name": container["name"], "state": is})
		a.Put = append(a.Put, fmt.Sprint(at(pod, "metadata")["name"], " ", strings.Trim(fmt.Sprint(container["args"]), "[]")))
	}
	answer(w, http.StatusOK, pod)
}

// attach is a connection with a container, until it ends.
func (a *API) attach(w http.ResponseWriter, r *http.Request, name string) {
	upgrader := websocket.Upgrader{Subprotocols: []string{"v4.channel.k8s.io"}}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // it has answered
	}
	defer func() { _ = conn.Close() }() // whoever is at the other end sees it
	a.mu.Lock()
	a.connections = append(a.connections, conn)
	a.mu.Unlock()
	for {
		_, message, err := conn.ReadMessage()
		if err != nil {
			break
		}
		var o inpod.Order
		if json.Unmarshal(bytes.TrimSpace(message[1:]), &o) != nil {
			break
		}
		a.mu.Lock()
		said := inpod.Answer{}
		if a.Answer != nil {
			said = a.Answer(name, o)
		}
		a.mu.Unlock()
		text, _ := json.Marshal(said) // it is encoded always
		if conn.WriteMessage(websocket.BinaryMessage, slices.Concat([]byte{1}, text, []byte{'\n'})) != nil {
			break
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range containers(a.Pods[name]) {
		if c := s.(map[string]any); c["name"] == r.URL.Query().Get("container") && !a.Lingering {
			c["state"] = state(false)
		}
	}
}
