package standin

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/redis"
)

// redis is this machine's redis-server with the libraries that the base has not.
func (b *Builder) redis(ctx context.Context, base string, cfg targets.Config) (string, error) {
	if err := (redis.Target{}).Fetch(ctx, cfg); err != nil {
		return "", err
	}
	sw, err := redis.Fetched(ctx, cfg)
	if err != nil {
		return "", err
	}
	texts, err := withLibraries(ctx, sw.Path)
	if err != nil {
		return "", err
	}
	return b.build(ctx, base, image{
		name:  "lapse-standin/redis:" + sw.Version,
		users: []string{"redis:x:999:999::/data:/bin/bash"},
		texts: texts,
		dockerfile: accountFiles + `COPY redis-server /usr/local/bin/redis-server
COPY lib/ /usr/local/lib/redis/
RUN chmod 755 /usr/local/bin/redis-server && mkdir /data
ENV LD_LIBRARY_PATH=/usr/local/lib/redis
WORKDIR /data
VOLUME /data
EXPOSE 6379
CMD ["redis-server"]
`,
	})
}

// withLibraries are a program and, in lib, the libraries that it is linked with, but
// for those of the C library, which have to be the image's own.
func withLibraries(ctx context.Context, program string) (map[string][]byte, error) {
	out, err := exec.CommandContext(ctx, "ldd", program).Output()
	if err != nil {
		return nil, fmt.Errorf("asking for the libraries of %s: %w", program, err)
	}
	texts := map[string][]byte{}
	if texts[filepath.Base(program)], err = os.ReadFile(program); err != nil {
		return nil, err
	}
	own := map[string]bool{"libc.so.6": true, "libm.so.6": true, "libpthread.so.0": true, "libdl.so.2": true, "librt.so.1": true}
	for line := range strings.Lines(string(out)) {
		name, path, found := strings.Cut(strings.TrimSpace(line), " => ")
		if path, _, _ = strings.Cut(path, " "); !found || own[name] {
			continue
		}
		if texts["lib/"+name], err = os.ReadFile(path); err != nil {
			return nil, err
		}
	}
	return texts, nil
}
