package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/launch"
)

// The orders are those that patronictl gives (switchover, restart, reinit), over the same REST API
// (Patroni documentation, "Patroni REST API").

var _ ability.Manager = (*System)(nil)

var errUnmanaged = errors.New("there is no Patroni; use --set " + optFailover + "=" + failoverPatroni)

// Switchover implements ability.Manager.
func (s *System) Switchover(ctx context.Context, node string) error {
	return s.order(ctx, node, "/switchover", map[string]any{"leader": node})
}

// RestartServer implements ability.Manager.
func (s *System) RestartServer(ctx context.Context, node string) error {
	return s.order(ctx, node, "/restart", map[string]any{})
}

// Reinitialize implements ability.Manager. Patroni is told to do it also if it is about something else.
func (s *System) Reinitialize(ctx context.Context, node string) error {
	return s.order(ctx, node, "/reinitialize", map[string]any{"force": true})
}

// order has the Patroni of a node carry something out.
func (s *System) order(ctx context.Context, name, path string, body map[string]any) error {
	if s.manager == nil {
		return errUnmanaged
	}
	node, err := s.Index(name)
	if err != nil {
		return err
	}
	return s.manager.post(ctx, node, path, body)
}

// post gives an order, and returns when it is answered. Patroni answers 200 when it was carried out, or has begun; 202 means later.
func (m *manager) post(ctx context.Context, node int, path string, body map[string]any) error {
	addr, err := m.sys.Addr(node, rest)
	if err != nil {
		return err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := m.client.Do(req)
	if err != nil {
		return fmt.Errorf("POST %s: %s", path, patroniTrouble(err))
	}
	defer func() { _ = resp.Body.Close() }()
	const most = 1000
	said, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("POST %s is answered by %s: %s", path, resp.Status, strings.TrimSpace(string(said)))
	}
	return err
}

// Managed implements ability.Manager: what GET /cluster says of each member, and when its server was started, as the member's own
// GET /patroni has it. A member that the cluster does not name, or that says something else of itself, does not serve.
func (s *System) Managed(ctx context.Context) (map[string]ability.ManagedNode, error) {
	if s.manager == nil {
		return nil, errUnmanaged
	}
	out := map[string]ability.ManagedNode{}
	for _, n := range s.Nodes {
		out[n.Name()] = ability.ManagedNode{State: "no member"}
	}
	members, err := s.manager.cluster(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		if _, ours := out[m.Name]; ours {
			out[m.Name] = ability.ManagedNode{Leads: leads(m.Role), Serves: serves(m.State), State: m.State, Timeline: m.timeline()}
		}
	}
	own := make([]patroniOwn, len(s.Nodes))
	var asked sync.WaitGroup
	for i := range s.Nodes {
		asked.Go(func() { own[i] = s.manager.own(ctx, i) })
	}
	asked.Wait()
	for i, n := range s.Nodes {
		said := out[n.Name()]
		said.Since = own[i].Started
		if !serves(own[i].State) {
			said.Serves, said.State = false, own[i].State
		}
		out[n.Name()] = said
	}
	return out, nil
}

// leads says whether a role is the leader's, as Patroni names it from version to version.
func leads(role string) bool {
	return role == "leader" || role == "standby_leader" || role == "master" || role == "primary"
}

// serves says whether a state is that of a server that runs; Patroni from 3.0.4 on says of a standby that it is streaming.
func serves(state string) bool { return state == "running" || state == "streaming" }

// cluster is what the first Patroni that answers says of its cluster.
func (m *manager) cluster(ctx context.Context) ([]patroniMember, error) {
	return launch.First(len(m.sys.Nodes), func(i int) string { return m.sys.Nodes[i].Name() }, func(int) bool { return true }, func(i int) ([]patroniMember, error) {
		addr, err := m.sys.Addr(i, rest)
		if err != nil {
			return nil, err
		}
		members, err := patroniMembers(ctx, "http://"+addr)
		if err != nil {
			return nil, errors.New(patroniTrouble(err))
		}
		return members, nil
	})
}

// patroniOwn is what a Patroni says of its own server.
type patroniOwn struct {
	State   string
	Started string `json:"postmaster_start_time"`
}

// own asks the Patroni of a node. GET /patroni answers 200 whatever the server does; of one that cannot be asked the state is that.
func (m *manager) own(ctx context.Context, node int) (said patroniOwn) {
	addr, err := m.sys.Addr(node, rest)
	if err == nil {
		err = m.get(ctx, "http://"+addr+"/patroni", &said)
	}
	if said.State == "" {
		said.State = "silent"
		if err != nil {
			said.State += " (" + patroniTrouble(err) + ")"
		}
	}
	return said
}
