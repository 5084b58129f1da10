package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/launch"
	"github.com/lapse-test/lapse/targets/maven"
)

// System is a running DynamoDB Local. It is safe for concurrent use.
type System struct {
	*launch.Fleet
	ability.Tokenless
	set    settings
	access access
	table  string
	// software is there unless the node is a container.
	software targets.Software

	adminMu sync.Mutex
	admin   *conn
}

var _ targets.System = (*System)(nil)

const logName = "dynamodb.log"

// Start implements targets.Target.
func (Target) Start(ctx context.Context, c cluster.Cluster, cfg targets.Config) (targets.System, error) {
	set, err := parse(cfg)
	if err != nil {
		return nil, err
	}
	s := &System{Fleet: launch.New("DynamoDB", logName, c, cfg), set: set, table: "lapse"}
	s.Command, s.Complaint = s.command, launch.JavaComplaint
	if s.Image == "" {
		if s.software, err = Fetched(ctx, cfg); err != nil {
			return nil, err
		}
	}
	addr, err := s.Addr(0, port)
	if err != nil {
		return nil, err
	}
	if s.access, err = newAccess(ctx, set, "http://"+addr); err != nil {
		return nil, err
	}
	s.admin = s.access.connect(nil)
	err = s.Fleet.Start(ctx, func(ctx context.Context) error {
		return s.Await(ctx, "to answer", s.serves)
	}, s.Stop)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// command starts DynamoDB Local's process.
func (s *System) command(_ context.Context, i int) (cluster.Command, error) {
	n := s.Nodes[i]
	data, tmp := filepath.Join(n.Dir(), "data"), filepath.Join(n.Dir(), "tmp")
	for _, dir := range []string{data, tmp} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return cluster.Command{}, err
		}
	}
	// It listens on all addresses of its node, and cannot be told otherwise.
	_, number, err := s.Listen(i, port)
	if err != nil {
		return cluster.Command{}, err
	}
	args, jars := maven.Small(tmp), s.software.Dir
	if s.Image != "" { // whose entry point is java, in the directory of the jar
		args = append(args, "-Djava.library.path=./DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar")
	} else {
		args = append(args, "-Djava.library.path="+jars, "-Dsqlite4java.library.path="+jars,
			"-cp", filepath.Join(jars, "*"), "com.amazonaws.services.dynamodbv2.local.main.ServerRunner")
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
	return cluster.Command{Path: s.software.Java, Args: args, Log: logName}, nil
}

// serves makes the table unless it is there, and returns nil when it can be used. A store
// in memory forgets its tables as it forgets all else.
func (s *System) serves(ctx context.Context, _ int) error {
	s.adminMu.Lock()
	defer s.adminMu.Unlock()
	return ensureTable(ctx, s.admin, s.table, s.table)
}

// readyTimeout is for one look at the table.
const readyTimeout = 5 * time.Second

func ensureTable(ctx context.Context, c *conn, table, mark string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	err := tableServes(ctx, c, table)
	if !missing(err) {
		return err
	}
	if err := makeTable(ctx, c, table, mark); err != nil {
		return fmt.Errorf("making the table: %w", errorTable.Explain(err))
	}
	return errors.New("the table is being made, because it was not there")
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
		return errorTable.Explain(err)
	case out.Table.TableStatus != types.TableStatusActive:
		return fmt.Errorf("the table is %s", out.Table.TableStatus)
	}
	// A read proves more than a status.
	_, err = c.GetItem(ctx, &sdk.GetItemInput{TableName: &table, Key: item{attrKey: &types.AttributeValueMemberS{Value: "ready"}}})
	return errorTable.Explain(err)
}

// Open implements targets.System.
func (s *System) Open(_ context.Context, session targets.Session) (targets.Client, error) {
	return newClient(s.access, s.table, s.set, session), nil
}

// Ready implements targets.System. When a store in memory has forgotten its table,
// the table is made again: empty.
func (s *System) Ready(ctx context.Context, node string) error {
	return s.ReadyIf(ctx, node, s.serves)
}

// Version implements targets.System.
func (s *System) Version() string { return s.Named("DynamoDB Local", version) }

// Stop implements targets.System.
func (s *System) Stop(ctx context.Context) error {
	s.adminMu.Lock()
	defer s.adminMu.Unlock()
	defer func() { _ = s.admin.Close() }()
	return s.Fleet.Stop(ctx)
}
