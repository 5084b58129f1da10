package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
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
		at, lines, err := locate(api, members)
		if err == nil && len(apis) == 1 {
			lines = append(lines, alone(ctx, api, members))
		}
		return at, lines, err
	}
	return nil, nil, &cluster.EnvironmentError{
		Doing: "asking Patroni for the members of its cluster", Err: errors.Join(errs...),
		Way: "see whether the URL is that of its REST API (restapi in patroni.yml, GET /cluster), or name the servers themselves: --at db1:5432,db2:5432",
	}
}

// alone is a line about a cluster of which one URL was named: Patroni forgets a member whose lease ran out, so that it says itself how many
// there are now, and not how many there were to be. A member that has led is in its history for good.
func alone(ctx context.Context, api string, members []patroniMember) string {
	line := fmt.Sprintf("Patroni at %s names %d members now; one that is down it forgets: with --nodes N, or a URL for each member, a run without it is refused", api, len(members))
	var history [][]any
	if err := askPatroni(ctx, api, "/history", &history); err != nil {
		return line
	}
	if gone := missing(history, members); len(gone) > 0 {
		line += "; MISSING: " + strings.Join(gone, ", ") + " led once, and is not among them"
	}
	return line
}

// missing are those who led once, as GET /history has it, and are no members, in quotes.
func missing(history [][]any, members []patroniMember) (gone []string) {
	for _, entry := range history {
		// A timeline, the position of its end, the reason, the time, and who led then.
		if len(entry) < 5 {
			continue
		}
		name, _ := entry[4].(string)
		there := slices.ContainsFunc(members, func(m patroniMember) bool { return m.Name == name })
		if quoted := strconv.Quote(name); name != "" && !there && !slices.Contains(gone, quoted) {
			gone = append(gone, quoted)
		}
	}
	return gone
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
	// Timeline is a number, or a word.
	Timeline, Lag any
}

// timeline is 0 if it is not known.
func (m *patroniMember) timeline() int {
	number, _ := m.Timeline.(float64)
	return int(number)
}

// patroniMembers asks a REST API, which needs no password to be read.
func patroniMembers(ctx context.Context, api string) ([]patroniMember, error) {
	var said patroniCluster
	if err := askPatroni(ctx, api, "/cluster", &said); err != nil {
		return nil, err
	}
	return said.sorted()
}

// patroniCluster is an answer to GET /cluster.
type patroniCluster struct{ Members []patroniMember }

// sorted are its members by name: an operator's commands go by the nodes' numbers, which the order of an answer must not change.
func (c patroniCluster) sorted() ([]patroniMember, error) {
	if len(c.Members) == 0 {
		return nil, errors.New("GET /cluster names no member")
	}
	slices.SortFunc(c.Members, func(a, b patroniMember) int { return strings.Compare(a.Name, b.Name) })
	return c.Members, nil
}

// askPatroni decodes what a REST API answers to a GET.
func askPatroni(ctx context.Context, api, path string, said any) error {
	ctx, cancel := context.WithTimeout(ctx, visitTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, api+path, nil)
	if err != nil {
		return err
	}
	client := http.Client{
		Transport: &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment},
		// Whom another host names is not the cluster that was asked for.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return errors.New("GET " + path + " is answered by " + resp.Status)
	}
	if err := readAnswer(resp.Body, said); err != nil {
		return fmt.Errorf("GET %s is not answered as Patroni does: %w", path, err)
	}
	return nil
}

// mostAnswered bounds an answer of a REST API, in bytes: Patroni's and etcd's are of a few kB.
const mostAnswered = 1 << 20

// readAnswer decodes an answer in JSON.
func readAnswer(body io.Reader, said any) error {
	b, err := io.ReadAll(io.LimitReader(body, mostAnswered+1))
	if err != nil {
		return err
	}
	if len(b) > mostAnswered {
		return fmt.Errorf("an answer of more than %d bytes", mostAnswered)
	}
	return json.NewDecoder(bytes.NewReader(b)).Decode(said)
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
		if m.Port < 1 || m.Port > math.MaxUint16 {
			return nil, nil, &cluster.EnvironmentError{
				Doing: "asking Patroni at " + api, Err: fmt.Errorf("it has the port %d for the member %q", m.Port, m.Name),
				Way: "see postgresql.connect_address in patroni.yml, or name the servers themselves: --at db1:5432,db2:5432",
			}
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
