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

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/external"
	"github.com/lapse-test/lapse/targets/outcome"
)

var _ targets.Externalizer = Target{}

// External implements targets.Externalizer: the service itself, or a DynamoDB Local
// that is there already. The address is a URL.
func (Target) External(at []string) (targets.Target, error) {
	at = external.SplitAddresses(at)
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
	return external.New(external.Kind{
		Info: endpointInfo(), At: []string{hostPort(u)}, Port: port,
		Settings: func(cfg targets.Config) (targets.Config, error) {
			if cfg.Options["region"] == "" {
				cfg.Options["region"] = regionOf(u)
			}
			_, err := parse(cfg)
			return cfg, err
		},
		Alive:     func(ctx context.Context, _ string, _ map[string]string) error { return answers(ctx, u) },
		Namespace: external.Namespace{What: "the table %s", Remove: "aws dynamodb delete-table --table-name %s"},
		Visit:     func(stay external.Stay, cfg targets.Config) (external.Driver, error) { return newVisit(stay, u, cfg) },
		Promises:  Target{}.Promises,
	}), nil
}

func endpointInfo() targets.Info {
	i := Target{}.Info()
	i.Summary = "DynamoDB at an endpoint"
	i.Options = slices.DeleteFunc(i.Options, func(o targets.Option) bool { return o.Name != "region" })
	i.Options[0].Default = ""
	i.Options[0].Help = "the AWS region (default: the one in the endpoint's name, or AWS_REGION)"
	return i
}

// ofRegion finds the region in the host name of an endpoint of the service.
var ofRegion = regexp.MustCompile(`(?:^|\.)(?:dynamodb|dynamodb-fips)\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)$`)

func regionOf(endpoint *url.URL) string {
	if m := ofRegion.FindStringSubmatch(endpoint.Hostname()); m != nil {
		return m[1]
	}
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if r := os.Getenv(name); r != "" {
			return r
		}
	}
	return defaultRegion
}

func hostPort(endpoint *url.URL) string {
	if endpoint.Port() != "" {
		return endpoint.Host
	}
	return net.JoinHostPort(endpoint.Hostname(), map[string]string{"http": "80", "https": "443"}[endpoint.Scheme])
}

// answers asks for anything: whatever the answer to a request without credentials,
// it is one.
func answers(ctx context.Context, endpoint *url.URL) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint.String()+"/", nil)
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

// visit is a DynamoDB at an endpoint, in which the run has one table.
type visit struct {
	external.Stay
	set    settings
	access access
	conn   *conn
	table  string
}

var _ external.Driver = (*visit)(nil)

func newVisit(stay external.Stay, endpoint *url.URL, cfg targets.Config) (external.Driver, error) {
	set, err := parse(cfg)
	if err != nil {
		return nil, err
	}
	set.endpoint = endpoint.String()
	v := &visit{Stay: stay, set: set, table: "lapse-" + cfg.Run}
	v.At, v.Namespace.Name, v.Cures = []string{set.endpoint}, v.table, cures(v.table)
	return v, nil
}

// Meet implements external.Driver.
func (v *visit) Meet(ctx context.Context, _ int) (_ string, err error) {
	if v.access, err = newAccess(ctx, v.set, v.set.endpoint); err != nil {
		return "", err
	}
	v.conn = v.access.connect(nil)
	if _, err := v.access.credentials.Retrieve(ctx); err != nil {
		return "", errNoCredentials
	}
	_, err = v.there(ctx)
	return "is in the region " + v.set.region, err
}

// Fit implements external.Driver.
func (*visit) Fit(context.Context) error { return nil }

// errNoCredentials stands for the words of the chain that looks for them, which could
// name files and more.
var errNoCredentials = errors.New("there are no credentials in the AWS environment")

// cures are for what the service says to who may not do what a run needs.
func cures(table string) external.Cures {
	credentials := "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, for a user who may make, describe and delete the table " + table
	return external.Cures{
		{Match: outcome.Is(errNoCredentials), Way: credentials},
		{Match: func(err error) bool { return notDynamoDB(err) || cutOff(err) }, Way: "see whether the address in --at is that of DynamoDB itself, and not of a proxy or of something else that answers there", Tell: strange},
		{Match: said("ExpiredTokenException"), Way: "the session's credentials have expired: get new ones (aws sso login, or a new AWS_SESSION_TOKEN)", Tell: errorTable.Explain},
		{Match: outcome.As(func(smithy.APIError) bool { return true }), Way: credentials, Tell: errorTable.Explain},
	}
}

// strange tells of an answer that DynamoDB does not give, with the status by which what gave it can be found.
func strange(err error) error {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		return fmt.Errorf("%w (HTTP status %d)", errorTable.Explain(err), response.HTTPStatusCode())
	}
	return errorTable.Explain(err)
}

// unwrapped is what the network said where a request was not sent or not answered, without the words of the SDK and of HTTP's client around it.
func unwrapped(err error) error {
	var sent *smithyhttp.RequestSendError
	var request *url.Error
	switch {
	case !errors.As(err, &sent):
		return err
	case errors.As(sent.Err, &request):
		return request.Err
	}
	return sent.Err
}

// there says whether the run's own table is there already.
func (v *visit) there(ctx context.Context) (bool, error) {
	_, err := v.conn.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: &v.table})
	if missing(err) {
		return false, nil
	}
	return err == nil, v.Explain(0, unwrapped(err))
}

// missing matches the answer that there is no such table.
var missing = outcome.As(func(*types.ResourceNotFoundException) bool { return true })

// ownTable is the name of a run's table: runs are called after their time.
var ownTable = regexp.MustCompile(`^lapse-\d{8}-\d{6}-[0-9a-f]+$`)

// Marks implements external.Driver: the run's own table, and a few among the first of
// others, known by their names, because tags are asked for table by table.
func (v *visit) Marks(ctx context.Context) (map[string]string, error) {
	found := map[string]string{}
	there, err := v.there(ctx)
	if err != nil {
		return nil, err
	}
	if there {
		found[v.table] = ""
	}
	first := "lapse," // the tables after it, in order
	out, err := v.conn.ListTables(ctx, &sdk.ListTablesInput{ExclusiveStartTableName: &first, Limit: aws.Int32(20)})
	if err == nil { // not everybody may list
		for _, name := range out.TableNames {
			if ownTable.MatchString(name) && name != v.table {
				found[name] = external.Mark(strings.TrimPrefix(name, "lapse-"))
			}
		}
	}
	return found, nil
}

// Make implements external.Driver.
func (v *visit) Make(ctx context.Context) error {
	err := makeTable(ctx, v.conn, v.table, v.Mark())
	return external.Unmade(taken(err), errorTable.Undone(err), v.Explain(0, unwrapped(err)))
}

// taken matches the answer that there is such a table already.
var taken = outcome.As(func(*types.ResourceInUseException) bool { return true })

// Drop implements external.Driver.
func (v *visit) Drop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	_, err := v.conn.DeleteTable(ctx, &sdk.DeleteTableInput{TableName: &v.table})
	if missing(err) {
		return nil
	}
	return errorTable.Explain(err)
}

// Close implements external.Driver.
func (v *visit) Close() error {
	if v.conn == nil { // it was not met
		return nil
	}
	return v.conn.Close()
}

// Open implements targets.System.
func (v *visit) Open(_ context.Context, session targets.Session) (targets.Client, error) {
	return newClient(v.access, v.table, v.set, session), nil
}

// Serves implements external.Driver. When a store in memory has forgotten the table, it
// is made again: empty.
func (v *visit) Serves(ctx context.Context, _ int) error {
	return ensureTable(ctx, v.conn, v.table, v.Mark())
}

// Version implements targets.System.
func (v *visit) Version() string { return "DynamoDB at " + v.set.endpoint }
