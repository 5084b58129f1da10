package standin

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cassandra"
	"github.com/lapse-test/lapse/targets/dynamodb"
	"github.com/lapse-test/lapse/targets/etcd"
	"github.com/lapse-test/lapse/targets/postgres"
	"github.com/lapse-test/lapse/targets/quorumkv"
	"github.com/lapse-test/lapse/targets/redis"
)

// For is the stand-in for the official image of a target, by the target's name;
// its software is fetched if it is not there.
func (b *Builder) For(ctx context.Context, target string) (string, error) {
	base, err := b.Base(ctx)
	if err != nil {
		return "", err
	}
	build, known := recipes[target]
	if !known {
		return "", fmt.Errorf("no stand-in for the image of target %q", target)
	}
	return build(b, ctx, base, targets.Config{Cache: b.cache, Progress: b.progress})
}

// recipe builds the stand-in for a target's official image on an image that has a shell.
type recipe func(b *Builder, ctx context.Context, base string, cfg targets.Config) (string, error)

// recipes are those that there are, by the names that the targets have for themselves.
var recipes = map[string]recipe{
	quorumkv.Name:                 func(_ *Builder, _ context.Context, base string, _ targets.Config) (string, error) { return base, nil },
	postgres.Target{}.Info().Name: (*Builder).postgres,
	cassandra.Name:                (*Builder).cassandra,
	dynamodb.Name:                 (*Builder).dynamodb,
	redis.Name:                    (*Builder).redis,
	etcd.Name:                     (*Builder).etcd,
}

const accountFiles = "COPY passwd group /etc/\n"

func (b *Builder) postgres(ctx context.Context, base string, cfg targets.Config) (string, error) {
	t := postgres.Target{}
	cfg.Nodes = t.Info().DefaultNodes
	cfg, err := t.Resolve(cfg)
	if err == nil {
		err = t.Fetch(ctx, cfg)
	}
	if err != nil {
		return "", err
	}
	sw, err := postgres.Fetched(ctx, cfg)
	if err != nil {
		return "", err
	}
	major, _, _ := strings.Cut(sw.Version, ".")
	return b.build(ctx, base, image{
		name:    "lapse-standin/postgres:" + sw.Version,
		users:   []string{"postgres:x:999:999::/var/lib/postgresql:/bin/bash"},
		scripts: []string{"postgres-entrypoint.sh"},
		trees:   map[string]string{"postgresql": sw.Dir},
		dockerfile: accountFiles + `COPY postgresql/ /usr/lib/postgresql/` + major + `/
COPY postgres-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
ENV PG_MAJOR=` + major + ` PGDATA=/var/lib/postgresql/` + major + `/docker LANG=C.UTF-8
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/` + major + `/bin
VOLUME /var/lib/postgresql
ENTRYPOINT ["docker-entrypoint.sh"]
STOPSIGNAL SIGINT
EXPOSE 5432
CMD ["postgres"]
`,
	})
}

// javaHome is where the official images have their Java.
const javaHome = "/opt/java/openjdk"

func (b *Builder) cassandra(ctx context.Context, base string, cfg targets.Config) (string, error) {
	if err := (cassandra.Target{}).Fetch(ctx, cfg); err != nil {
		return "", err
	}
	sw, err := cassandra.Fetched(ctx, cfg)
	if err != nil {
		return "", err
	}
	jre, err := home(sw.Java)
	if err != nil {
		return "", err
	}
	return b.build(ctx, base, image{
		name:    "lapse-standin/cassandra:" + sw.Version,
		users:   []string{"cassandra:x:999:999::/var/lib/cassandra:/bin/bash"},
		scripts: []string{"cassandra-entrypoint.sh", "cassandra-start.sh"},
		trees:   map[string]string{"lib": sw.Dir, "jre": jre},
		texts: map[string][]byte{
			"conf/cassandra.yaml":              []byte("cluster_name: 'Test Cluster'\nnum_tokens: 16\n"),
			"conf/cassandra-rackdc.properties": []byte("dc=dc1\nrack=rack1\n"),
			"conf/jvm-server.options":          []byte("# the heap is set by MAX_HEAP_SIZE\n"),
			"conf/jvm17-server.options":        []byte("-XX:+UseG1GC\n"),
		},
		dockerfile: accountFiles + `COPY jre/ ` + javaHome + `/
COPY lib/ /opt/cassandra/lib/
COPY cassandra-start.sh /opt/cassandra/bin/cassandra
COPY --chown=999:999 conf/ /etc/cassandra/
COPY cassandra-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
ENV JAVA_HOME=` + javaHome + ` CASSANDRA_HOME=/opt/cassandra CASSANDRA_CONF=/etc/cassandra LANG=C.UTF-8
ENV PATH=/opt/cassandra/bin:` + javaHome + `/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
VOLUME /var/lib/cassandra
ENTRYPOINT ["docker-entrypoint.sh"]
EXPOSE 7000 7001 7199 9042 9160
CMD ["cassandra", "-f"]
`,
	})
}

func (b *Builder) dynamodb(ctx context.Context, base string, cfg targets.Config) (string, error) {
	if err := (dynamodb.Target{}).Fetch(ctx, cfg); err != nil {
		return "", err
	}
	sw, err := dynamodb.Fetched(ctx, cfg)
	if err != nil {
		return "", err
	}
	jre, err := home(sw.Java)
	if err != nil {
		return "", err
	}
	jar, err := launcher(sw.Dir)
	if err != nil {
		return "", err
	}
	return b.build(ctx, base, image{
		name:  "lapse-standin/dynamodb-local:" + sw.Version,
		users: []string{"dynamodblocal:x:1000:1000::/home/dynamodblocal:/bin/bash"},
		trees: map[string]string{"lib": sw.Dir, "jre": jre},
		texts: map[string][]byte{"DynamoDBLocal.jar": jar},
		dockerfile: accountFiles + `COPY jre/ ` + javaHome + `/
COPY --chown=1000:1000 lib/ /home/dynamodblocal/DynamoDBLocal_lib/
COPY --chown=1000:1000 DynamoDBLocal.jar /home/dynamodblocal/
ENV JAVA_HOME=` + javaHome + `
ENV PATH=` + javaHome + `/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WORKDIR /home/dynamodblocal
USER dynamodblocal
ENTRYPOINT ["java"]
EXPOSE 8000
CMD ["-jar", "DynamoDBLocal.jar", "-inMemory"]
`,
	})
}

// manifestLine is how long a line of a manifest is made.
const manifestLine = 70

// launcher is a DynamoDBLocal.jar like the distributed one: it starts the server
// and finds everything else in DynamoDBLocal_lib.
func launcher(dir string) ([]byte, error) {
	jars, err := filepath.Glob(filepath.Join(dir, "*.jar"))
	if err != nil || len(jars) == 0 {
		return nil, errors.Join(err, errors.New("no jars in "+dir))
	}
	manifest := "Manifest-Version: 1.0\nMain-Class: com.amazonaws.services.dynamodbv2.local.main.ServerRunner\n"
	line := "Class-Path:"
	for _, j := range jars {
		line += " DynamoDBLocal_lib/" + filepath.Base(j)
	}
	// A line of a manifest has 72 bytes at most; one that begins with a space
	// continues the one before.
	for ; len(line) > manifestLine; line = " " + line[manifestLine:] {
		manifest += line[:manifestLine] + "\n"
	}
	manifest += line + "\n\n"
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	w, err := z.Create("META-INF/MANIFEST.MF")
	if err == nil {
		_, err = io.WriteString(w, manifest)
	}
	if err := errors.Join(err, z.Close()); err != nil {
		return nil, fmt.Errorf("making a jar: %w", err)
	}
	return out.Bytes(), nil
}
