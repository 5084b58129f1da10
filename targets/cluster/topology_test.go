package cluster

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestTopology(t *testing.T) {
	top, err := ParseTopology("eu=2, us-east=1", "eu-us-east=81ms,clients-us-east=60ms,eu-eu=2ms", NodeNames(3))
	if err != nil {
		t.Fatal(err)
	}
	ms := func(n float64) Quality { return Quality{Delay: time.Duration(n * float64(time.Millisecond))} }
	want := map[Link]Quality{
		{"n1", "n3"}: ms(40.5), {"n3", "n1"}: ms(40.5), {"n2", "n3"}: ms(40.5), {"n3", "n2"}: ms(40.5),
		{Clients, "n3"}: ms(30), {"n3", Clients}: ms(30), {"n1", "n2"}: ms(1), {"n2", "n1"}: ms(1),
	}
	if got := top.Links(); !reflect.DeepEqual(got, want) {
		t.Errorf("links %v, want %v", got, want)
	}
	if got := top.Pairs(top.Ways[0]); len(got) != 2 {
		t.Errorf("pairs %v", got)
	}
	if none, err := ParseTopology("", "", NodeNames(3)); none != nil || err != nil || none.Links() != nil {
		t.Errorf("nothing asked for: %v (%v)", none, err)
	}
}

func TestTopologyRefuses(t *testing.T) {
	for _, c := range []struct{ topology, latency, says string }{
		{"eu=2,us=1", "", "as latency, such as eu-us=80ms"},
		{"", "eu-us=80ms", "as topology, such as eu=2,us=1"},
		{"eu=2,us", "eu-us=80ms", `"us" is none`},
		{"eu=2,us=0", "eu-us=80ms", `"us=0" is none`},
		{"EU=2,us=1", "eu-us=80ms", `"EU=2" is none`},
		{"eu=2,us=2", "eu-us=80ms", "more nodes than the 3"},
		{"eu=1,us=1", "eu-us=80ms", "no region for n3"},
		{"eu=2,eu=1", "eu-eu=80ms", "eu is there twice"},
		{"eu=2,clients=1", "eu-clients=80ms", "no region can be called clients"},
		{"eu=2,us=1", "eu-ap=80ms", "between two of clients, eu, us"},
		{"eu=2,us=1", "clients-clients=80ms", "between two of clients, eu, us"},
		{"eu=2,us=1", "eu=80ms", "between two of"},
		{"eu=2,us=1", "-=80ms", "between two of"},
		{"eu=2,us=1", "eu-us", "a round trip of at most 10s"},
		{"eu=2,us=1", "eu-us=0s", "a round trip of at most 10s"},
		{"eu=2,us=1", "eu-us=-1ms", "a round trip of at most 10s"},
		{"eu=2,us=1", "eu-us=11s", "a round trip of at most 10s"},
		{"eu=2,us=1", "eu-us=80ms,us-eu=90ms", "us-eu is there twice"},
		{"a=1,a-b=1,b-c=0", "a-b-c=1ms", `"b-c=0" is none`},
		{"a=1,a-b=1,b-c=1,c=1", "a-b-c=1ms", "rename a region"},
	} {
		nodes := 3
		if strings.Count(c.topology, "=") == 4 {
			nodes = 4
		}
		if _, err := ParseTopology(c.topology, c.latency, NodeNames(nodes)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %s: %v, want %q", c.topology, c.latency, err, c.says)
		}
	}
}

func FuzzTopology(f *testing.F) {
	f.Add("eu=2,us=1", "eu-us=80ms")
	f.Add("a=1,a-b=1,b-c=1", "a-b-c=1ms,clients-a=2s")
	f.Fuzz(func(t *testing.T, regions, latency string) {
		top, err := ParseTopology(regions, latency, NodeNames(3))
		if err != nil || top == nil {
			return
		}
		if err := (Spec{Run: "x", Nodes: NodeNames(3), LogDir: "x", Links: top.Links()}).Check(); err != nil {
			t.Errorf("%q %q gives %v", regions, latency, err)
		}
	})
}
