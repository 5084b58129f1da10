package external

import (
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/targets"
)

// SplitAddresses takes lists apart that are separated by commas.
func SplitAddresses(at []string) []string {
	var out []string
	for _, list := range at {
		for a := range strings.SplitSeq(list, ",") {
			if a = strings.TrimSpace(a); a != "" {
				out = append(out, a)
			}
		}
	}
	return out
}

// nextURL is where a list of URLs goes on with another.
var nextURL = regexp.MustCompile(`,\s*([a-zA-Z][a-zA-Z0-9+.-]*://)`)

// SplitURLs takes a list of URLs apart that are separated by commas. The hosts that one URL
// names belong together, and stay.
func SplitURLs(text string) []string {
	list := strings.Split(nextURL.ReplaceAllString(text, "\n$1"), "\n")
	for i, u := range list {
		list[i] = strings.TrimSpace(u)
	}
	return list
}

// Addresses checks addresses of the form host or host:port and completes them with
// a port.
func Addresses(at []string, port int) ([]string, error) {
	var out []string
	for _, a := range SplitAddresses(at) {
		if strings.ContainsAny(a, "@/?") {
			way := ""
			if strings.Contains(a, "://") {
				way = "; if it is the URL of another database, name that one with --target"
			}
			return nil, targets.Usagef("--at: address %d is no host:port, such as db1:%d; credentials come from the environment%s", len(out)+1, port, way)
		}
		host, number, err := net.SplitHostPort(a)
		if err != nil { // no port, or a bare IPv6 address
			host, number = strings.Trim(a, "[]"), strconv.Itoa(port)
		}
		if n, err := strconv.ParseUint(number, 10, 16); err != nil || n == 0 || host == "" {
			return nil, targets.Usagef("--at %s: want host:port, such as db1:%d", a, port)
		}
		a = net.JoinHostPort(host, number)
		if slices.Contains(out, a) {
			return nil, targets.Usagef("--at: %s is there twice; name each node once", a)
		}
		out = append(out, a)
	}
	if len(out) == 0 {
		return nil, targets.Usagef("--at: no address; want host:port of each node")
	}
	return out, nil
}
