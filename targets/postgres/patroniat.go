package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/external"
)

var _ targets.Locator = Target{}

// Locate implements targets.Locator: the URL of a Patroni's REST API (http://db1:8008)
// stands for the members of its cluster, each with the host and port that it gives to
// clients. Several URLs are of one cluster, and are asked one after the other until one
// answers.
func (Target) Locate(ctx context.Context, at []string) ([]string, []string, error) {
	var apis []string
	given := external.SplitAddresses(at)
	for _, a := range given {
		if u, err := url.Parse(a); err == nil && (u.Scheme == "http" || u.Scheme == "https") {
			if u.User != nil || u.Host == "" || strings.Trim(u.Path, "/")+u.RawQuery+u.Fragment != "" {
				return nil, nil, targets.Usagef("--at: address %d is no plain URL of Patroni's REST API, such as http://db1:%d", len(apis)+1, rest)
			}
			apis = append(apis, u.Scheme+"://"+u.Host)
		}
	}
	switch {
	case len(apis) == 0:
		return at, nil, nil
	case len(apis) < len(given):
		return nil, nil, targets.Usagef("--at: addresses of servers and URLs of Patroni's REST API are mixed: name the servers, or the API of one member or several")
	}
	var errs []error
	for _, api := range apis {
		members, err := patroniMembers(ctx, api)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %s", api, patroniTrouble(err)))
			continue
		}
		if len(members) < len(apis) {
			return nil, nil, &cluster.EnvironmentError{
				Doing: "asking Patroni at " + api, Err: fmt.Errorf("%d URLs are named and its cluster has %d members (%s): a member is missing", len(apis), len(members), names(members)),
				Way: "start what is missing, or name the URLs of those that are there alone",
			}
		}
		return locate(api, members)
	}
	return nil, nil, &cluster.EnvironmentError{
		Doing: "asking Patroni for the members of its cluster", Err: errors.Join(errs...),
		Way: "see whether the URL is that of its REST API (restapi in patroni.yml, GET /cluster), or name the servers themselves: --at db1:5432,db2:5432",
	}
}

// patroniTrouble says why an API did not answer, without Go's words for the request.
func patroniTrouble(err error) string {
	var request *url.Error
	if errors.As(err, &request) {
		if request.Timeout() {
			return "no answer in " + duration.Text(visitTimeout)
		}
		err = request.Err
	}
	var call *net.OpError
	if errors.As(err, &call) {
		err = call.Err
	}
	var system *os.SyscallError
	if errors.As(err, &system) {
		err = system.Err
	}
	return err.Error()
}

// names are those of the members.
func names(members []patroniMember) string {
	var out []string
	for _, m := range members {
		out = append(out, strconv.Quote(m.Name))
	}
	return strings.Join(out, ", ")
}

// patroniMember is a member as GET /cluster has it. Lag is a number of bytes, or a word.
type patroniMember struct {
	Name, Role, State, Host string
	Port                    int
	Lag                     any
}

// patroniMembers asks a REST API, which needs no password to be read.
func patroniMembers(ctx context.Context, api string) ([]patroniMember, error) {
	ctx, cancel := context.WithTimeout(ctx, visitTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, api+"/cluster", nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{
		Transport: &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment},
		// Whom another host names is not the cluster that was asked for.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New("GET /cluster is answered by " + resp.Status)
	}
	const most = 1 << 20
	var said struct{ Members []patroniMember }
	if err := json.NewDecoder(io.LimitReader(resp.Body, most)).Decode(&said); err != nil {
		return nil, fmt.Errorf("GET /cluster is not answered as Patroni does: %w", err)
	}
	if len(said.Members) == 0 {
		return nil, errors.New("GET /cluster names no member")
	}
	// An operator's commands go by the nodes' numbers, which the order of an answer must not change.
	slices.SortFunc(said.Members, func(a, b patroniMember) int { return strings.Compare(a.Name, b.Name) })
	return said.Members, nil
}

// locate is the address of each member, and a line that says what Patroni says of it.
func locate(api string, members []patroniMember) (at, lines []string, err error) {
	nodes := cluster.NodeNames(len(members))
	for i, m := range members {
		if m.Host == "" || strings.ContainsAny(m.Host, " /@?,=") || strings.ContainsFunc(m.Host, func(r rune) bool { return !strconv.IsPrint(r) }) {
			return nil, nil, &cluster.EnvironmentError{
				Doing: "asking Patroni at " + api, Err: fmt.Errorf("it has no address for the member %q, which is %q", m.Name, m.State),
				Way: "see whether it is up, or name the servers themselves: --at db1:5432,db2:5432",
			}
		}
		if m.Port == 0 {
			m.Port = port
		}
		at = append(at, net.JoinHostPort(m.Host, strconv.Itoa(m.Port)))
		line := fmt.Sprintf("%s (%s) is %q of Patroni at %s: %s, %s", nodes[i], at[i], m.Name, api, word(m.Role), word(m.State))
		switch lag := m.Lag.(type) {
		case float64:
			line += fmt.Sprintf(", lag %.0f", lag)
		case string:
			line += ", lag " + word(lag)
		}
		lines = append(lines, line)
	}
	return at, lines, nil
}

// word is a word of an answer as it is if it is letters, spaces and the like, and else quoted: what
// a server says may hold anything.
func word(s string) string {
	if quoted := strconv.Quote(s); quoted[1:len(quoted)-1] != s {
		return quoted
	}
	return s
}
