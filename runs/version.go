package runs

import (
	"regexp"
	"runtime/debug"
)

// untagged is the version of a build that no tag names: the last release's.
const untagged = "0.1.0"

// Version is lapse's own version, as reports name it: that of the tag which the binary
// was built from (a release, or go install with a version), which the Go tool writes
// into it, else that of the last release.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return untagged
	}
	return versionOf(info.Main.Version)
}

// release is a version as a tag spells it; what the Go tool makes up for a commit
// between two tags (a date and a hash, or +dirty) is none.
var release = regexp.MustCompile(`^v(\d+\.\d+\.\d+(-[a-z]+\.?\d*)?)$`)

func versionOf(module string) string {
	if m := release.FindStringSubmatch(module); m != nil {
		return m[1]
	}
	return untagged
}
