package quorumkv

import (
	"slices"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/certs"
	"github.com/lapse-test/lapse/targets"
)

// TLS is off unless it is asked for, is to be had in every mode, and takes drivers away.
func TestTLSSetting(t *testing.T) {
	for _, mode := range modes() {
		for given, want := range map[string]bool{"": false, "off": false, "on": true} {
			cfg := targets.Config{Nodes: 3, Options: map[string]string{optMode: mode}}
			if given != "" {
				cfg.Options[optTLS] = given
			}
			of, err := New().Describe(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if cfg, err = of.Resolve(cfg); err != nil || (cfg.Options[optTLS] == on) != want {
				t.Errorf("%s, %q: %v, %v", mode, given, cfg.Options, err)
			}
			if no := New().NotJoined(cfg); (no != "") != want {
				t.Errorf("%s, %q: drivers: %q", mode, given, no)
			}
		}
	}
	if _, err := New().Resolve(targets.Config{Nodes: 3, Options: map[string]string{optTLS: "yes"}}); err == nil {
		t.Error("tls=yes is taken")
	}
	s := secured{nodes: map[string]certs.Files{"n1": {Cert: "c", Key: "k", CA: "a"}}}
	if got := s.args("n1"); !slices.Equal(got, []string{"--tls-cert", "c", "--tls-key", "k", "--tls-ca", "a"}) || (secured{}).args("n1") != nil {
		t.Errorf("a node is told %q", got)
	}
}
