package etcd

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	driver "go.etcd.io/etcd/client/v3"

	"github.com/lapse-test/lapse/targets"
)

// TestFit: --at names members of one cluster.
func TestFit(t *testing.T) {
	for _, c := range []struct {
		name string
		of   [][2]uint64 // cluster and member
		want string
	}{
		{"one", [][2]uint64{{1, 1}}, ""},
		{"three", [][2]uint64{{1, 1}, {1, 2}, {1, 3}}, ""},
		{"two clusters", [][2]uint64{{1, 1}, {2, 2}}, "n1:1 and n2:1 are not of one cluster"},
	} {
		v := &visit{}
		for i, id := range c.of {
			v.At = append(v.At, fmt.Sprintf("n%d:1", i+1))
			v.found = append(v.found, &driver.StatusResponse{Header: &pb.ResponseHeader{ClusterId: id[0], MemberId: id[1]}})
		}
		err := v.Fit(t.Context())
		var usage *targets.UsageError
		if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &usage) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
