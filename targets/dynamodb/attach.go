package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// attachedTarget is a DynamoDB at an endpoint: the service itself, or a DynamoDB
// Local that somebody else runs.
type attachedTarget struct {
	endpoint *url.URL
}

var (
	_ targets.Attacher = Target{}
	_ targets.Target   = attachedTarget{}
	_ targets.Fetcher  = attachedTarget{}
	_ targets.Promiser = attachedTarget{}
)

// Attached implements targets.Attacher. The address is a URL.
func (Target) Attached(at []string) (targets.Target, error) {
	at = targets.SplitAddresses(at)
	if len(at) != 1 {
		return nil, targets.Usagef("--at: DynamoDB has one endpoint, and %d are named", len(at))
	}
	u, err := url.Parse(at[0])
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, targets.Usagef("--at: want a URL such as https://dynamodb.eu-west-1.amazonaws.com or http://127.0.0.1:8000")
	case u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "":
		return nil, targets.Usagef("--at: want scheme, host and port only; credentials come from the AWS environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, ...)")
	}
	u.Path = ""
	return attachedTarget{u}, nil
}

// Info implements targets.Target.
func (t attachedTarget) Info() targets.Info {
	i := Target{}.Info()
	i.Summary = "DynamoDB at an endpoint"
	i.Options = slices.DeleteFunc(i.Options, func(o targets.Option) bool { return o.Name != "region" })
	i.Options[0].Default = ""
	i.Options[0].Help = "the AWS region (default: the one in the endpoint's name, or AWS_REGION)"
	return i
}

// ofRegion finds the region in the host name of an endpoint of the service.
var ofRegion = regexp.MustCompile(`(?:^|\.)(?:dynamodb|dynamodb-fips)\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)$`)

// Resolve implements targets.Target.
func (t attachedTarget) Resolve(cfg targets.Config) (targets.Config, error) {
	cfg, err := targets.CheckAttached(cfg, 1)
	if err != nil {
		return cfg, err
	}
	if cfg.Options, err = targets.ResolveOptions(t.Info(), cfg.Options); err != nil {
		return cfg, err
	}
	if cfg.Options["region"] == "" {
		cfg.Options["region"] = t.region()
	}
	complete(&cfg)
	_, err = t.settings(cfg)
	return cfg, err
}

func (t attachedTarget) region() string {
	if m := ofRegion.FindStringSubmatch(t.endpoint.Hostname()); m != nil {
		return m[1]
	}
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if r := os.Getenv(name); r != "" {
			return r
		}
	}
	return defaultRegion
}

func (t attachedTarget) settings(cfg targets.Config) (settings, error) {
	s, err := resolve(cfg)
	s.endpoint = t.endpoint.String()
	return s, err
}

// Spec implements targets.Target.
func (t attachedTarget) Spec(cfg targets.Config) cluster.Spec {
	return cluster.Spec{
		Run: cfg.Run, Nodes: cluster.NodeNames(1), Ports: []int{port},
		At: []string{t.hostPort()}, Knock: t.knock, Operator: cfg.Operator,
	}
}

func (t attachedTarget) hostPort() string {
	if p := t.endpoint.Port(); p != "" {
		return t.endpoint.Host
	}
	return net.JoinHostPort(t.endpoint.Hostname(), map[string]string{"http": "80", "https": "443"}[t.endpoint.Scheme])
}

// knock asks for anything: whatever the answer to a request without credentials,
// it is one.
func (t attachedTarget) knock(ctx context.Context, _ string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.endpoint.String()+"/", nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// Abilities implements targets.Target.
func (attachedTarget) Abilities(targets.Config) []ability.Ability {
	return []ability.Ability{ability.Restart}
}

// Promises implements targets.Promiser.
func (t attachedTarget) Promises(cfg targets.Config, _ []history.Func) map[string]bool {
	s, err := t.settings(cfg)
	if err != nil {
		return nil
	}
	return s.promises()
}

// Fetch implements targets.Fetcher: it looks, and makes nothing.
func (t attachedTarget) Fetch(ctx context.Context, cfg targets.Config) error {
	_, err := t.Present(ctx, cfg)
	return err
}

// Present implements targets.Fetcher.
func (t attachedTarget) Present(ctx context.Context, cfg targets.Config) (string, error) {
	a, err := t.attach(ctx, cfg)
	if err != nil {
		return "", err
	}
	defer a.conn.Close()
	if err := a.mustBeFree(ctx); err != nil {
		return "", err
	}
	text := fmt.Sprintf("%s in %s lets us in", a.Version(), a.set.region)
	for _, line := range a.leftovers(ctx) {
		text += "; " + line
	}
	return text, nil
}

// attached is a DynamoDB that somebody else runs. It has one table there.
type attached struct {
	cluster cluster.Cluster
	set     settings
	access  access
	conn    *conn
	run     string
	table   string
	// mayExist says that the table was made, or may have been.
	mayExist bool
}

var _ targets.System = (*attached)(nil)

// attachTimeout is for looking and for making the table: the service takes a while.
const attachTimeout = time.Minute

func (t attachedTarget) attach(ctx context.Context, cfg targets.Config) (*attached, error) {
	set, err := t.settings(cfg)
	if err != nil {
		return nil, err
	}
	a := &attached{set: set, run: cfg.Run, table: "lapse-" + cfg.Run}
	if a.access, err = newAccess(ctx, set, set.endpoint); err != nil {
		return nil, err
	}
	if _, err := a.access.credentials.Retrieve(ctx); err != nil {
		// The chain's own words could name files and more.
		return nil, a.wrong(errors.New("there are no credentials in the AWS environment"))
	}
	a.conn = a.access.connect()
	return a, nil
}

// wrong is an error of the service, with the way out.
func (a *attached) wrong(err error) error {
	way := "see whether the endpoint is right and can be reached"
	var api smithy.APIError
	if errors.As(err, &api) || a.conn == nil {
		way = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, for a user who may make, describe and delete the table " + a.table
	}
	return &cluster.EnvironmentError{Doing: "asking DynamoDB at " + a.set.endpoint, Err: explain(err), Way: way}
}

// mustBeFree refuses a name that is taken.
func (a *attached) mustBeFree(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, attachTimeout)
	defer cancel()
	_, err := a.conn.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: &a.table})
	var missing *types.ResourceNotFoundException
	switch {
	case errors.As(err, &missing):
		return nil
	case err != nil:
		return a.wrong(err)
	}
	return targets.Taken("the table " + a.table)
}

func removeTable(name string) string { return "aws dynamodb delete-table --table-name " + name }

// leftovers are lines about tables of other runs, of which there are a few among
// the first hundred tables at most.
func (a *attached) leftovers(ctx context.Context) []string {
	first := "lapse," // the tables after it, in order
	out, err := a.conn.ListTables(ctx, &sdk.ListTablesInput{ExclusiveStartTableName: &first, Limit: aws.Int32(20)})
	if err != nil {
		return nil // only a hint, and not everybody may list
	}
	var lines []string
	for _, name := range out.TableNames {
		if ownTable.MatchString(name) && name != a.table {
			lines = append(lines, targets.Leftover("the table "+name, removeTable(name)))
		}
	}
	return lines
}

// ownTable is the name of a run's table: runs are called after their time.
var ownTable = regexp.MustCompile(`^lapse-\d{8}-\d{6}-[0-9a-f]+$`)

// Start implements targets.Target.
func (t attachedTarget) Start(ctx context.Context, c cluster.Cluster, cfg targets.Config) (targets.System, error) {
	a, err := t.attach(ctx, cfg)
	if err != nil {
		return nil, err
	}
	a.cluster = c
	if cfg.Progress != nil {
		for _, line := range a.leftovers(ctx) {
			cfg.Progress(line)
		}
	}
	if err := a.begin(ctx); err != nil {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		return nil, errors.Join(err, a.Stop(stop))
	}
	return a, nil
}

func (a *attached) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, attachTimeout)
	defer cancel()
	if err := a.mustBeFree(ctx); err != nil {
		return err
	}
	a.mayExist = true
	if err := makeTable(ctx, a.conn, a.table, targets.Mark(a.run)); err != nil {
		var taken *types.ResourceInUseException
		var api smithy.APIError
		if errors.As(err, &taken) {
			a.mayExist = false
			return targets.Taken("the table " + a.table)
		}
		if errors.As(err, &api) {
			a.mayExist = false // it was refused
		}
		return a.wrong(err)
	}
	return cluster.Await(ctx, "the table "+a.table, func(ctx context.Context) error { return tableServes(ctx, a.conn, a.table) })
}

// Open implements targets.System.
func (a *attached) Open(_ context.Context, session targets.Session) (targets.Client, error) {
	return &client{conn: a.access.connect(), table: a.table, consistent: a.set.consistent, reader: reader{session.Text}}, nil
}

// Restart implements targets.System: the operator's command starts it.
func (a *attached) Restart(ctx context.Context, node string) error {
	n, err := a.cluster.Node(node)
	if err != nil {
		return err
	}
	return n.Start(ctx, cluster.Command{})
}

// Ready implements targets.System. When a store in memory has forgotten the table,
// it is made again: empty.
func (a *attached) Ready(ctx context.Context, node string) error {
	if _, err := a.cluster.Node(node); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	err := tableServes(ctx, a.conn, a.table)
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) {
		return err
	}
	if err := makeTable(ctx, a.conn, a.table, targets.Mark(a.run)); err != nil {
		return err
	}
	return errors.New("the table is being made again, because it was forgotten")
}

// readyTimeout is for one look at the table.
const readyTimeout = 5 * time.Second

// Version implements targets.System.
func (a *attached) Version() string { return "DynamoDB at " + a.set.endpoint }

// Stop implements targets.System: the table is removed, if it is ours.
func (a *attached) Stop(ctx context.Context) error {
	defer func() { _ = a.conn.Close() }()
	if !a.mayExist {
		return nil
	}
	err := cluster.Await(ctx, "the table to be removed", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, readyTimeout)
		defer cancel()
		_, err := a.conn.DeleteTable(ctx, &sdk.DeleteTableInput{TableName: &a.table})
		var missing *types.ResourceNotFoundException
		if errors.As(err, &missing) {
			return nil
		}
		return err
	})
	if err != nil {
		return targets.NotRemoved("the table "+a.table, removeTable(a.table), explain(err))
	}
	a.mayExist = false
	return nil
}
