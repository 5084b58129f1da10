package runs

import (
	"context"
	"strings"
	"sync"

	"github.com/lapse-test/lapse/targets"
)

// Located remembers the nodes of external clusters that something else named, such as the
// members that Patroni's REST API lists, so that all runs of one command have the same ones and it
// is asked once. A nil Located remembers nothing. It is safe for concurrent use.
type Located struct {
	mu sync.Mutex
	at map[string][]string
}

// locate is targets.Locate, whose lines are told the first time.
func (l *Located) locate(ctx context.Context, t targets.Target, at []string, tell func(line string)) ([]string, error) {
	if l == nil {
		nodes, _, err := targets.Locate(ctx, t, at)
		return nodes, err
	}
	key := t.Info().Name + " " + strings.Join(at, " ")
	l.mu.Lock()
	defer l.mu.Unlock()
	if nodes, known := l.at[key]; known {
		return nodes, nil
	}
	nodes, lines, err := targets.Locate(ctx, t, at)
	if err != nil {
		return nil, err
	}
	if l.at == nil {
		l.at = map[string][]string{}
	}
	l.at[key] = nodes
	for _, line := range lines {
		tell(line)
	}
	return nodes, nil
}
