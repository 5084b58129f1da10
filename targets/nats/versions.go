package nats

import (
	"slices"
	"strconv"
	"strings"
)

// keepsStreams is the first version of which kills of processes were not seen to lose a whole
// stream; losesStreams, the one before, does.
const (
	keepsStreams = "2.10.23"
	losesStreams = "2.10.22"
)

// loses says whether a server of a version is to be taken for one that loses streams: any
// that is older than keepsStreams, a release candidate of that, or of a version that cannot
// be read.
func loses(version string) bool {
	number, candidate, _ := strings.Cut(version, "-")
	var have, want []int
	for _, part := range strings.Split(number, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return true
		}
		have = append(have, n)
	}
	for _, part := range strings.Split(keepsStreams, ".") {
		n, _ := strconv.Atoi(part) // a constant of ours
		want = append(want, n)
	}
	c := slices.Compare(have, want)
	return c < 0 || c == 0 && candidate != ""
}
