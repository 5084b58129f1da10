package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// System is a running DynamoDB Local. It is safe for concurrent
// use.
type System struct {
	cluster cluster.Cluster
	node    cluster.Node
	set     settings
	access  access
	table   string
	// image is what the node is made of if it is a container; otherwise java and
	// jars are the software.
	image, java, jars string
	timeout           time.Duration
	log               *slog.Logger

	adminMu sync.Mutex
	admin   *conn
}

var _ targets.System = (*System)(nil)

const (
	// startTimeout is for a start on a loaded machine.
	startTimeout = 2 * time.Minute
	stopTimeout  = 30 * time.Second
	logName      = "dynamodb.log"
)

// Start implements targets.Target.
func (Target) Start(ctx context.Context, c cluster.Cluster, cfg targets.Config) (targets.System, error) {
	set, err := resolve(cfg)
	if err != nil {
		return nil, err
	}
	s := &System{cluster: c, node: c.Nodes()[0], set: set, timeout: cfg.OpTimeout, log: cfg.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.table = "lapse"
	if s.image = cluster.ImageOf(c); s.image == "" {
		sw, err := Fetched(ctx, cfg)
		if err != nil {
			return nil, err
		}
		s.java, s.jars = sw.Java, sw.Dir
	}
	addr, err := c.Route(cluster.Clients, s.node.Name(), port)
	if err != nil {
		return nil, err
	}
	if s.access, err = newAccess(ctx, set, "http://"+addr); err != nil {
		return nil, err
	}
	s.admin = s.access.connect()
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.start(ctx); err != nil {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		return nil, errors.Join(fmt.Errorf("starting DynamoDB: %w", err), s.Stop(stop))
	}
	return s, nil
}

func (s *System) start(ctx context.Context) error {
	if err := s.startNode(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var watcher sync.WaitGroup
	defer watcher.Wait()
	defer cancel(nil)
	watcher.Go(func() {
		select {
		case <-s.node.Exited():
			cancel(fmt.Errorf("its process has ended; %s says: %s", filepath.Join(s.node.LogDir(), logName), s.lastWords()))
		case <-ctx.Done():
		}
	})
	err := cluster.Await(ctx, s.node.Name()+" to answer", s.ensureTable)
	if cause := context.Cause(ctx); err != nil && cause != ctx.Err() {
		return cause
	}
	return err
}

// startNode starts DynamoDB Local's process.
func (s *System) startNode(ctx context.Context) error {
	data, tmp := filepath.Join(s.node.Dir(), "data"), filepath.Join(s.node.Dir(), "tmp")
	for _, dir := range []string{data, tmp} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	bind, err := s.cluster.Bind(s.node.Name(), port)
	if err != nil {
		return err
	}
	// It listens on all addresses of its node, and cannot be told otherwise.
	number := bind[strings.LastIndexByte(bind, ':')+1:]
	args := []string{
		"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
		"-Djava.io.tmpdir=" + tmp,
	}
	if s.image != "" { // whose entry point is java, in the directory of the jar
		args = append(args, "-Djava.library.path=./DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar")
	} else {
		args = append(args, "-Djava.library.path="+s.jars, "-Dsqlite4java.library.path="+s.jars,
			"-cp", filepath.Join(s.jars, "*"), "com.amazonaws.services.dynamodbv2.local.main.ServerRunner")
	}
	args = append(args, "-port", number, "-disableTelemetry")
	if s.set.memory {
		args = append(args, "-inMemory")
	} else {
		args = append(args, "-dbPath", data)
	}
	if s.set.shared {
		args = append(args, "-sharedDb")
	}
	return s.node.Start(ctx, cluster.Command{Path: s.java, Args: args, Log: logName})
}

// lastWords is the last line of the log.
func (s *System) lastWords() string {
	text, err := os.ReadFile(filepath.Join(s.node.LogDir(), logName))
	if err != nil {
		return "nothing"
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// ensureTable makes the table unless it is there, and returns nil when it can be
// used. A store in memory forgets its tables as it forgets all else.
func (s *System) ensureTable(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, max(s.timeout, time.Second))
	defer cancel()
	s.adminMu.Lock()
	defer s.adminMu.Unlock()
	err := tableServes(ctx, s.admin, s.table)
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) {
		return err
	}
	if err := makeTable(ctx, s.admin, s.table, s.table); err != nil {
		return fmt.Errorf("making the table: %w", explain(err))
	}
	return errors.New("the table is being made")
}

// makeTable has a table made, which takes a moment, and marks it.
func makeTable(ctx context.Context, c *conn, table, mark string) error {
	_, err := c.CreateTable(ctx, &sdk.CreateTableInput{
		TableName:            &table,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String(attrKey), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String(attrKey), KeyType: types.KeyTypeHash}},
		BillingMode:          types.BillingModePayPerRequest,
		Tags:                 []types.Tag{{Key: aws.String("lapse"), Value: &mark}},
	})
	return err
}

// tableServes returns nil when a table is there and can be read.
func tableServes(ctx context.Context, c *conn, table string) error {
	out, err := c.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: &table})
	switch {
	case err != nil:
		return explain(err)
	case out.Table.TableStatus != types.TableStatusActive:
		return fmt.Errorf("the table is %s", out.Table.TableStatus)
	}
	// A read proves more than a status.
	if _, err = c.GetItem(ctx, &sdk.GetItemInput{TableName: &table, Key: item{attrKey: &types.AttributeValueMemberS{Value: "ready"}}}); err != nil {
		return explain(err)
	}
	return nil
}

// Open implements targets.System.
func (s *System) Open(_ context.Context, session targets.Session) (targets.Client, error) {
	return &client{conn: s.access.connect(), table: s.table, consistent: s.set.consistent, reader: reader{session.Text}}, nil
}

// Restart implements targets.System.
func (s *System) Restart(ctx context.Context, node string) error {
	if _, err := s.cluster.Node(node); err != nil {
		return err
	}
	return s.startNode(ctx)
}

// Ready implements targets.System. When a store in memory has forgotten its table,
// the table is made again: empty.
func (s *System) Ready(ctx context.Context, node string) error {
	if _, err := s.cluster.Node(node); err != nil {
		return err
	}
	if s.node.State() == cluster.Stopped {
		return fmt.Errorf("%s does not run", node)
	}
	return s.ensureTable(ctx)
}

// Version implements targets.System.
func (s *System) Version() string {
	if s.image != "" {
		return "DynamoDB Local (image " + s.image + ")"
	}
	return "DynamoDB Local " + version
}

// Stop implements targets.System.
func (s *System) Stop(ctx context.Context) error {
	s.adminMu.Lock()
	defer s.adminMu.Unlock()
	defer func() { _ = s.admin.Close() }()
	return s.node.Kill(ctx)
}
