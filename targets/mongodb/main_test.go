package mongodb

import (
	"os"
	"testing"

	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
	"github.com/lapse-test/lapse/targets/maven/maventest"
)

// standInCache is the stand-in that the tests run.
var standInCache = maventest.Cache{Env: "LAPSE_TEST_MONGODB_CACHE", Software: download}

func TestMain(m *testing.M) {
	code := sandboxtest.Main(m, standInCache.Prepare)
	standInCache.Remove()
	os.Exit(code)
}

// StandIn is the cache that the tests use.
func StandIn() string { return standInCache.Dir() }
