package standin

import (
	"context"
	"fmt"
	"os"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/etcd"
)

// etcd is quay.io/coreos/etcd with Debian's server: the official image has the program
// in /usr/local/bin, runs it as root and has no entry point.
func (b *Builder) etcd(ctx context.Context, base string, cfg targets.Config) (string, error) {
	if err := (etcd.Target{}).Fetch(ctx, cfg); err != nil {
		return "", err
	}
	sw, err := etcd.Fetched(ctx, cfg)
	if err != nil {
		return "", err
	}
	server, err := os.ReadFile(sw.Path)
	if err != nil {
		return "", fmt.Errorf("reading etcd: %w", err)
	}
	return b.build(ctx, base, image{
		name:  "lapse-standin/etcd:" + sw.Version,
		texts: map[string][]byte{"etcd": server},
		dockerfile: `COPY etcd /usr/local/bin/etcd
RUN chmod 755 /usr/local/bin/etcd
EXPOSE 2379 2380
CMD ["/usr/local/bin/etcd"]
`,
	})
}
