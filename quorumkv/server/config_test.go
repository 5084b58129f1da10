package server

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func valid() Config {
	c := Default()
	c.Node, c.DataDir = "n1", "data"
	c.Peers = map[string]string{"n1": "ignored", "n2": "127.0.0.1:2", "n3": "127.0.0.1:3"}
	return c
}

func TestValidate(t *testing.T) {
	if err := valid().Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Config){
		"mode: \"x\" is not known":                     func(c *Config) { c.Mode = "x" },
		"node: name \"\" must have":                    func(c *Config) { c.Node = "" },
		"only letters, digits":                         func(c *Config) { c.Peers["n 4"] = "h:1" },
		"data_dir":                                     func(c *Config) { c.DataDir = "" },
		"listen: address \"7400\" is not":              func(c *Config) { c.Listen = "7400" },
		"n2: address \"127.0.0.1:0\" has no":           func(c *Config) { c.Peers["n2"] = "127.0.0.1:0" },
		"4 replicas on 3 nodes":                        func(c *Config) { c.Replication = 4 },
		"0 virtual nodes":                              func(c *Config) { c.VirtualNodes = 0 },
		"partitioner: \"hash\" is not":                 func(c *Config) { c.Partitioner = "hash" },
		"virtual_nodes: is a setting of partitioner":   func(c *Config) { c.Partitioner, c.VirtualNodes = "modulo", 16 },
		"split_points: is a setting of partitioner":    func(c *Config) { c.SplitPoints = []string{"k5"} },
		"must come before \"b\"":                       func(c *Config) { c.Partitioner, c.SplitPoints = "range", []string{"b", "a"} },
		"partitioner: is a setting of mode leaderless": func(c *Config) { c.Mode, c.Partitioner = "raft", "modulo" },
		"read_repair: \"on\"":                          func(c *Config) { c.ReadRepair = "on" },
		"write_timestamps: \"client\"":                 func(c *Config) { c.WriteTimestamps = "client" },
		"request_timeout: 0s":                          func(c *Config) { c.RequestTimeout = 0 },
		"max_clock_skew: -1s":                          func(c *Config) { c.MaxClockSkew = -time.Second },
		"max_requests: 0":                              func(c *Config) { c.MaxRequests = 0 },
		"max_value_bytes: 2097152":                     func(c *Config) { c.MaxValueBytes = 2 << 20 },
		"max_hints: 0":                                 func(c *Config) { c.MaxHints = 0 },
		"unknown defect \"x\"":                         func(c *Config) { c.Testing, c.Defects = true, []string{"x"} },
		"defects and clock_offset need testing":        func(c *Config) { c.Defects = []string{"read-one"} },
		"clock_offset need testing: true":              func(c *Config) { c.ClockOffset = time.Second },
		"clock_offset: 876000h0m0s must be betwee":     func(c *Config) { c.Testing, c.ClockOffset = true, 100*365*24*time.Hour },
	} {
		c := valid()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	bad := Default()
	bad.Mode, bad.Listen = "x", "x"
	if err := bad.Validate(); err == nil || strings.Count(err.Error(), "\n") < 3 {
		t.Errorf("not everything that is wrong is reported: %v", err)
	}
}

const sample = `# one node
node: n1
data_dir: /data
peers: {n2: "h2:7400", n3: "h3:7400"}
read_repair: off
hinted_handoff: false
write_timestamps: coordinator
request_timeout: 1500ms
testing: true
defects: [read-one]
`

func TestParseConfig(t *testing.T) {
	c, err := parseConfig([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Node, want.DataDir, want.Peers = "n1", "/data", map[string]string{"n2": "h2:7400", "n3": "h3:7400"}
	want.ReadRepair, want.HintedHandoff, want.WriteTimestamps = "off", false, "coordinator"
	want.RequestTimeout, want.Testing, want.Defects = 1500*time.Millisecond, true, []string{"read-one"}
	if !reflect.DeepEqual(c, want) {
		t.Fatalf("got  %+v\nwant %+v", c, want)
	}
	if j, err := parseConfig([]byte(`{"node": "n1", "peer_timeout": "2s"}`)); err != nil || j.Node != "n1" || j.PeerTimeout != 2*time.Second {
		t.Fatalf("JSON: %+v, %v", j, err)
	}
	for in, want := range map[string]string{
		"node: n1\nread-repair: off\n": "read-repair",
		"node: [1]\n":                  "node",
		"replication: three\n":         "replication",
		"request_timeout: 5\n":         "request_timeout",
		"node: n1\nnode: n2\n":         "already defined",
		"node: \"n1\n":                 "node",
	} {
		if _, err := parseConfig([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", in, err, want)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(`{"node": "n1"}`))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseConfig(b)
		if err == nil {
			_ = c.Validate()
		}
	})
}

func TestFlagsCoverEveryKeyAndWinOverTheFile(t *testing.T) {
	f := newServeFlags()
	typ := reflect.TypeFor[Config]()
	for i := range typ.NumField() {
		if name := flagName(typ.Field(i)); f.set.Lookup(name) == nil {
			t.Errorf("there is no --%s", name)
		}
	}
	file := filepath.Join(t.TempDir(), "n1.yaml")
	if err := os.WriteFile(file, []byte(sample), 0o600); err != nil {
		t.Fatal(err)
	}
	err := f.set.Parse([]string{"--config", file, "--read-repair", "async", "--peers", "n2=x:1", "--peers", "n3=y:2,n4=z:3",
		"--defects", "drop-hints", "--fsync=false"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.config(t.Context(), f.set)
	if err != nil {
		t.Fatal(err)
	}
	if c.ReadRepair != "async" || len(c.Peers) != 3 || c.Peers["n4"] != "z:3" || c.Fsync || len(c.Defects) != 1 || c.Defects[0] != "drop-hints" {
		t.Errorf("flags did not win: %+v", c)
	}
	if c.Node != "n1" || c.DataDir != "/data" || c.WriteTimestamps != "coordinator" || c.RequestTimeout != 1500*time.Millisecond {
		t.Errorf("the file was forgotten: %+v", c)
	}
	if _, err := Load(filepath.Join(t.TempDir(), "missing.yaml")); err == nil || !strings.Contains(err.Error(), "missing.yaml") {
		t.Errorf("a missing file: %v", err)
	}
}
