package dynamodb

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/external"
)

// met is the error with which what is at endpoint is met before a run.
func met(t *testing.T, endpoint string) error {
	t.Helper()
	u, err := url.Parse(endpoint)
	must(t, err)
	target, err := Target{}.External([]string{endpoint})
	must(t, err)
	cfg, err := target.Resolve(targets.Config{Run: "r", Nodes: 1})
	must(t, err)
	v, err := newVisit(external.Stay{}, u, cfg)
	must(t, err)
	defer func() { must(t, v.Close()) }()
	_, err = v.Meet(t.Context(), 0)
	return err
}

// TestMeetsWhatIsNotDynamoDB: who names the address of something else is told so before the run, with a way out and without the SDK's words.
func TestMeetsWhatIsNotDynamoDB(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "x")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "y")
	const proxy, up = "proxy", "the node is up"
	ways := map[string]string{
		"a 200 with a cut body": proxy, "a 200 with half a document": proxy, "a 200 that is HTML": proxy, "an HTML 502": "(HTTP status 502); see whether the address in --at is that of DynamoDB itself",
		"a 503 without a body": "(HTTP status 503)", "a 404 of another server's, JSON with none": "(HTTP status 404)",
		"a connection closed inside the headers": up, "a connection closed before an answer": up, "something else than HTTP": up,
	}
	check := func(t *testing.T, err error, way string) {
		t.Helper()
		var environment *cluster.EnvironmentError
		if !errors.As(err, &environment) || !strings.Contains(err.Error(), way) {
			t.Errorf("%v, want a way out that says %q", err, way)
		}
		for _, word := range []string{"operation error", "RequestID", "StatusCode", "deserialization", "request send failed", "Post "} {
			if strings.Contains(err.Error(), word) {
				t.Errorf("%v: the SDK's words %q", err, word)
			}
		}
	}
	for name, c := range strangeAnswers {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(c.answer)
			defer s.Close()
			check(t, met(t, s.URL), ways[name])
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		s := httptest.NewServer(http.NotFoundHandler())
		s.Close()
		check(t, met(t, s.URL), "nobody listens there")
	})
}

// TestNoCredentialsIsQuiet: the SDK's chain looks for credentials in several places, and what it says of them is not printed.
func TestNoCredentialsIsQuiet(t *testing.T) {
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusForbidden)
	}))
	defer s.Close()
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", s.URL)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "")
	t.Setenv("HOME", t.TempDir())
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} {
		t.Setenv(name, "")
	}
	read, write, err := os.Pipe()
	must(t, err)
	stderr := os.Stderr
	os.Stderr = write
	err = met(t, "http://127.0.0.1:1")
	os.Stderr = stderr
	must(t, write.Close())
	printed, readErr := io.ReadAll(read)
	must(t, readErr)
	if err == nil || !strings.Contains(err.Error(), "no credentials") || asked == 0 {
		t.Errorf("%v, after %d questions to the metadata service", err, asked)
	}
	if len(printed) > 0 {
		t.Errorf("printed: %s", printed)
	}
}
