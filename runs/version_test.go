package runs

import "testing"

func TestVersionOf(t *testing.T) {
	for module, want := range map[string]string{
		"v0.2.0": "0.2.0", "v1.10.3": "1.10.3", "v0.2.0-rc.1": "0.2.0-rc.1",
		"(devel)": untagged, "": untagged,
		"v0.2.0+dirty":                         untagged,
		"v0.1.1-0.20261128060000-92140b1aaaaa": untagged,
		"v0.0.0-20261128060000-92140b1aaaaa":   untagged,
	} {
		if got := versionOf(module); got != want {
			t.Errorf("%q is version %s, want %s", module, got, want)
		}
	}
}
