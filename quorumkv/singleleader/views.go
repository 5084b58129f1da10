package singleleader

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/lapse-test/lapse/quorumkv/consensus"
	"github.com/lapse-test/lapse/quorumkv/engine"
)

// view says who leads. There is one leader in an epoch.
type view struct {
	Epoch  uint64 `json:"epoch"`
	Leader string `json:"leader"`
}

// viewService holds the view in a raft group of all nodes: one key, which is read by read-index and changed by compare-and-set.
// All methods may be called concurrently.
type viewService struct{ group *consensus.Engine }

const (
	viewKey   = "view"
	viewsName = "views" // of peers' connections, and the name of its directory
)

func openViews(node engine.Node, o Options) (*viewService, error) {
	node.DataDir = filepath.Join(node.DataDir, viewsName)
	node.Logger = node.Logger.With("group", viewsName)
	group, err := consensus.Open(node, consensus.Options{ElectionTimeout: o.ElectionTimeout, LogEntries: 100, Service: viewsName})
	if err != nil {
		return nil, fmt.Errorf("open the view service: %w", err)
	}
	return &viewService{group}, nil
}

// known is the view as this node last heard of it; it may be old.
func (s *viewService) known() (view, error) {
	rec, err := s.group.Local(viewKey)
	if err != nil {
		return view{}, fmt.Errorf("read the view: %w", err)
	}
	v, _, err := parseView(engine.ReadResult{Record: rec})
	return v, err
}

// current is the view at some moment after the call, and the number of its version; it needs a majority.
func (s *viewService) current(ctx context.Context) (v view, version int64, err error) {
	res, err := s.group.Read(ctx, engine.ReadRequest{Key: viewKey, Level: consensus.LevelReadIndex})
	if err != nil {
		return v, 0, fmt.Errorf("ask for the view: %w", err)
	}
	return parseView(res)
}

func parseView(res engine.ReadResult) (v view, version int64, err error) {
	if !res.Record.Live() {
		return v, 0, nil
	}
	if err := json.Unmarshal(res.Record.Value, &v); err != nil {
		return v, 0, fmt.Errorf("read the view: %w", err)
	}
	return v, int64(res.Record.Version.Time), nil
}

// change makes next the view if it still has this version. False says that another came first.
func (s *viewService) change(ctx context.Context, version int64, next view) (bool, error) {
	body, err := json.Marshal(next)
	if err != nil {
		return false, fmt.Errorf("write the view: %w", err)
	}
	_, err = s.group.Write(ctx, engine.WriteRequest{Key: viewKey, Value: body, If: &engine.Condition{Absent: version == 0, Number: version}})
	var e *engine.Error
	if errors.As(err, &e) && e.Code == engine.CodeConflict {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("change the view: %w", err)
	}
	return true, nil
}
