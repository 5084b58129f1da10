package dynamodb

import (
	"context"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/logging"

	"github.com/lapse-test/lapse/targets/wire"
)

// access has the endpoint, region and credentials of DynamoDB.
type access struct {
	endpoint    string
	region      string
	credentials aws.CredentialsProvider
	// proxied says that it is somewhere in the world: a node of ours never is.
	proxied bool
}

// newAccess is for DynamoDB Local at endpoint, or for the service with the
// credentials of the AWS environment.
func newAccess(ctx context.Context, s settings, endpoint string) (access, error) {
	a := access{endpoint: endpoint, region: s.region}
	if s.endpoint == "" {
		// DynamoDB Local checks nothing; without -sharedDb they name the database.
		a.credentials = credentials.NewStaticCredentialsProvider("lapse", "lapse", "")
		return a, nil
	}
	// Its logger would print what it tries besides on the terminal of whoever has no credentials.
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(s.region), config.WithLogger(logging.Nop{}))
	if err != nil {
		return a, fmt.Errorf("reading the AWS configuration: %w", err)
	}
	a.credentials, a.proxied = cfg.Credentials, true
	return a, nil
}

// conn is a client of the SDK with a connection of its own.
type conn struct {
	*sdk.Client
	transport *http.Transport
	dialer    *wire.Dialer
}

// connect makes a conn; nothing is sent before the first request. Nothing is done
// twice: the SDK's retries are off, and the HTTP transport repeats only what it
// did not send at all.
func (a access) connect(life *wire.Life) *conn {
	dialer := &wire.Dialer{Life: life}
	transport := &http.Transport{
		DialContext:     dialer.DialContext,
		MaxConnsPerHost: 1, MaxIdleConnsPerHost: 1,
		DisableCompression: true,
	}
	if a.proxied {
		transport.Proxy = http.ProxyFromEnvironment
	}
	client := sdk.New(sdk.Options{
		BaseEndpoint: aws.String(a.endpoint),
		Region:       a.region,
		Credentials:  a.credentials,
		HTTPClient:   &http.Client{Transport: transport},
		Retryer:      aws.NopRetryer{},
		EndpointDiscovery: sdk.EndpointDiscoveryOptions{
			EnableEndpointDiscovery: aws.EndpointDiscoveryDisabled,
		},
	})
	return &conn{client, transport, dialer}
}

// Close frees the connection.
func (c *conn) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}
