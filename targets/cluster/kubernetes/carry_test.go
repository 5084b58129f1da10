package kubernetes

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/lapse-test/lapse/targets/cluster"
)

// place stands for an API server with at most one namespace, in which a pod of lapse's can be.
type place struct {
	mu sync.Mutex
	// namespace is the object, nil for none.
	namespace map[string]any
	// lost answers the making of a namespace with an error although it is made; stuck ones do not go.
	lost, stuck bool
	// rights are those of the user.
	rights []string
	// harness is the state of the container of lapse, as the API has it.
	harness string
	// cutCopies is how many copies end in the middle; log is called at each look at a log, and tells whether that ends in good order.
	cutCopies int
	log       func() bool
	// deaf is how often lapse cannot be told to end.
	deaf  int
	asked []string
}

func (p *place) serve(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	return s.URL
}

func (p *place) carry(t *testing.T) *carry {
	t.Helper()
	config := &rest.Config{Host: p.serve(t)}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	e := cluster.Errand{Name: "lapse-a", Out: t.TempDir(), Said: io.Discard, Note: func(line string) { t.Log(line) }}
	return &carry{build: build{Errand: e}, client: client, config: config, owner: "me", patience: brokenTimeout}
}

// ServeHTTP implements http.Handler.
func (p *place) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/exec"):
		p.exec(w, r)
		return
	case strings.HasSuffix(r.URL.Path, "/log"):
		if p.log != nil && !p.log() {
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	body := map[string]any{}
	_ = json.NewDecoder(r.Body).Decode(&body) // what cannot be read is nothing
	p.asked = append(p.asked, r.Method+" "+r.URL.Path)
	answer := func(code int, object any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(object) // who asks sees it
	}
	failure := func(code int, reason string) {
		answer(code, map[string]any{"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": reason, "message": reason, "code": code})
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/selfsubjectaccessreviews"):
		a := body["spec"].(map[string]any)["resourceAttributes"].(map[string]any)
		body["status"] = map[string]any{"allowed": slices.Contains(p.rights, fmt.Sprint(a["verb"], " ", a["resource"]))}
		answer(http.StatusCreated, body)
	case strings.Contains(r.URL.Path, "/pods/"):
		answer(http.StatusOK, map[string]any{
			"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "lapse-x"},
			"status": map[string]any{"containerStatuses": []any{map[string]any{"name": partHarness, "state": json.RawMessage(p.harness)}}},
		})
	case r.Method == http.MethodPost:
		p.namespace = body
		p.namespace["metadata"].(map[string]any)["uid"] = "first"
		if p.lost {
			failure(http.StatusInternalServerError, "Timeout")
			return
		}
		answer(http.StatusCreated, body)
	case p.namespace == nil:
		failure(http.StatusNotFound, "NotFound")
	case r.Method == http.MethodDelete:
		if p.stuck {
			p.namespace["metadata"].(map[string]any)["deletionTimestamp"] = "2026-11-29T10:00:00Z"
		} else {
			p.namespace = nil
		}
		answer(http.StatusOK, map[string]any{"apiVersion": "v1", "kind": "Status", "status": "Success"})
	default:
		answer(http.StatusOK, p.namespace)
	}
}

// exec tells lapse to end, or sends an archive with one run, or half of it.
func (p *place) exec(w http.ResponseWriter, r *http.Request) {
	conn, err := (&websocket.Upgrader{Subprotocols: []string{attachProtocol}}).Upgrade(w, r, nil)
	if err != nil {
		return // it has answered
	}
	defer func() { _ = conn.Close() }() // whoever is at the other end sees it
	if slices.Contains(r.URL.Query()["command"], CommandEnd) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.deaf--; p.deaf < 0 {
			p.harness = `{"terminated": {"exitCode": 130}}`
			_ = conn.WriteMessage(websocket.BinaryMessage, append([]byte{channelStatus}, `{"status":"Success"}`...))
		}
		return
	}
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	_ = tw.WriteHeader(&tar.Header{Name: "run/", Typeflag: tar.TypeDir, Mode: 0o755})
	_ = tw.WriteHeader(&tar.Header{Name: "run/history", Typeflag: tar.TypeReg, Mode: 0o644, Size: 3000})
	_, _ = tw.Write(bytes.Repeat([]byte("x"), 3000))
	_ = tw.Close()
	text := archive.Bytes()
	p.mu.Lock()
	cut := p.cutCopies > 0
	p.cutCopies--
	p.mu.Unlock()
	if cut {
		_ = conn.WriteMessage(websocket.BinaryMessage, append([]byte{channelOut}, text[:2000]...))
		return
	}
	_ = conn.WriteMessage(websocket.BinaryMessage, append([]byte{channelOut}, text...))
	_ = conn.WriteMessage(websocket.BinaryMessage, append([]byte{channelStatus}, `{"status":"Success"}`...))
}

// TestExpireEnded: a keeper that is ended before its time has not done what it is for, and is made anew.
func TestExpireEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Expire(ctx, "lapse-a", time.Now().Add(time.Hour)); err == nil {
		t.Error("a keeper that was ended says that all is done")
	}
}

// TestMayMake: each right that it takes is asked for.
func TestMayMake(t *testing.T) {
	all := []string{"create namespaces", "get namespaces", "delete namespaces"}
	for _, without := range append(all, "") {
		p := &place{rights: slices.DeleteFunc(slices.Clone(all), func(r string) bool { return r == without })}
		err := (&Provider{}).mayMake(t.Context(), p.carry(t).client)
		if (err == nil) != (without == "") || err != nil && !strings.Contains(err.Error(), "no right to "+without) {
			t.Errorf("without %q: %v", without, err)
		}
	}
}

// config is a kubeconfig of the place.
func config(t *testing.T, dir, url string) string {
	t.Helper()
	path := filepath.Join(dir, "config")
	text := `{"apiVersion": "v1", "kind": "Config", "current-context": "a", "clusters": [{"name": "c", "cluster": {"server": "` + url + `"}}],
		"users": [{"name": "u", "user": {}}], "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u"}}]}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestLostAnswer: a namespace that was made although the answer says otherwise is removed.
func TestLostAnswer(t *testing.T) {
	p := &place{lost: true}
	provider := &Provider{Kubeconfig: config(t, t.TempDir(), p.serve(t)), Image: "lapse", notes: t.TempDir()}
	_, err := provider.CarryOut(t.Context(), cluster.Errand{Name: "lapse-a", Out: t.TempDir(), Said: io.Discard, Note: func(string) {}})
	if err == nil {
		t.Fatal("it is carried out")
	}
	if p.namespace != nil {
		t.Errorf("the namespace is left: %v", err)
	}
	if left, _ := os.ReadDir(provider.notes); len(left) != 0 {
		t.Errorf("there is a note of nothing: %v", left)
	}
}

// TestRemoveOwn: a namespace of the same name that somebody else has made is left alone.
func TestRemoveOwn(t *testing.T) {
	for _, owner := range []string{"me", "another"} {
		p := &place{namespace: namespaceOf(owner)}
		if err := p.carry(t).remove(t.Context()); err != nil {
			t.Error(err)
		}
		if gone := p.namespace == nil; gone != (owner == "me") {
			t.Errorf("what %s has made: removed %t", owner, gone)
		}
	}
}

// left is the note of a process that is no more, of a namespace in the cluster of a kubeconfig.
func left(t *testing.T, kubeconfig, server string) *Provider {
	t.Helper()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	p := &Provider{notes: t.TempDir()}
	if _, err := p.keep(note{Namespace: "lapse-a", Kubeconfig: kubeconfig, Context: "a", Server: server, Owner: dead, Host: host, Deadline: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	return p
}

const dead = "another boot/pid:[1]/7/1"

// namespaceOf is that of a run which the owner has made.
func namespaceOf(owner string) map[string]any {
	return map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{
		"name": "lapse-a", "uid": "first", "labels": map[string]any{labelManaged: managedBy}, "annotations": map[string]any{annotationOwner: owner},
	}}
}

// TestCleanCluster: what was made in one cluster is not looked for in another that has the same context now.
func TestCleanCluster(t *testing.T) {
	p, other := &place{namespace: namespaceOf(dead)}, &place{}
	dir, url := t.TempDir(), p.serve(t)
	c := left(t, config(t, dir, other.serve(t)), url)
	removed, err := c.Clean(t.Context())
	if err == nil || len(removed) != 0 || len(other.asked) != 0 || !strings.Contains(err.Error(), url) {
		t.Errorf("%v, %v, asked %v", removed, err, other.asked)
	}
	config(t, dir, url)
	if removed, err := c.Clean(t.Context()); err != nil || len(removed) != 1 || p.namespace != nil {
		t.Errorf("%v, %v, %v", removed, err, p.namespace)
	}
	if files, _ := os.ReadDir(c.notes); len(files) != 0 {
		t.Errorf("left: %v", files)
	}
}

// TestCleanStuck: what is not gone is not said to be, and is kept in mind.
func TestCleanStuck(t *testing.T) {
	p := &place{namespace: namespaceOf(dead), stuck: true}
	url := p.serve(t)
	c := left(t, config(t, t.TempDir(), url), url)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // no assertion is about it
	defer cancel()
	removed, err := c.Clean(ctx)
	if err == nil || len(removed) != 0 {
		t.Errorf("%v, %v", removed, err)
	}
	if files, _ := os.ReadDir(c.notes); len(files) != 1 {
		t.Errorf("left: %v", files)
	}
}

// TestCleanAway: a cluster that does not answer is said, with the way out, and its namespace kept in mind.
func TestCleanAway(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	c := left(t, config(t, t.TempDir(), s.URL), s.URL)
	removed, err := c.Clean(t.Context())
	if err == nil || len(removed) != 0 || !strings.Contains(err.Error(), "remove the note "+c.notes) {
		t.Errorf("%v, %v", removed, err)
	}
	if files, _ := os.ReadDir(c.notes); len(files) != 1 {
		t.Errorf("left: %v", files)
	}
}

// TestCleanOthers: a namespace of that name whose owner is another stays.
func TestCleanOthers(t *testing.T) {
	p := &place{namespace: namespaceOf("somebody else")}
	url := p.serve(t)
	if removed, err := left(t, config(t, t.TempDir(), url), url).Clean(t.Context()); err != nil || len(removed) != 0 || p.namespace == nil {
		t.Errorf("%v, %v, %v", removed, err, p.namespace)
	}
}

// TestWhere: a note leads to the same kubeconfig from any directory.
func TestWhere(t *testing.T) {
	t.Setenv("KUBECONFIG", "a"+string(filepath.ListSeparator)+"/b")
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for given, want := range map[string]string{"": filepath.Join(here, "a") + string(filepath.ListSeparator) + "/b", "c/d": filepath.Join(here, "c/d"), "/e": "/e"} {
		if got, err := (&Provider{Kubeconfig: given}).where(); err != nil || got != want {
			t.Errorf("%q is %q, %v", given, got, err)
		}
	}
}

// TestCutCopy: a copy that ends in the middle is made again, and none is taken for whole.
func TestCutCopy(t *testing.T) {
	for _, cuts := range []int{0, 2, 100} {
		p := &place{cutCopies: cuts}
		c := p.carry(t)
		if cuts == 100 {
			c.patience = 0
		}
		run, err := c.bring(t.Context(), "lapse-x")
		if (err == nil) != (cuts < 100) || (run == "run") != (cuts < 100) {
			t.Errorf("%d cuts: %q, %v", cuts, run, err)
		}
		entries, _ := os.ReadDir(c.Out)
		if whole := len(entries) == 1 && entries[0].Name() == "run"; whole != (cuts < 100) || len(entries) > 1 {
			t.Errorf("%d cuts: there is %v", cuts, entries)
		}
	}
}

// TestListen: a connection that is cut after a long silence is no reason to give up, and a kill for want of memory
// is no reason to leave behind what was recorded.
func TestListen(t *testing.T) {
	for name, c := range map[string]struct {
		state string
		code  int
		says  string
	}{
		"ended":  {`{"terminated": {"exitCode": 1}}`, 1, ""},
		"memory": {`{"terminated": {"exitCode": 137, "reason": "OOMKilled"}}`, 137, "want of memory"},
		"killed": {`{"terminated": {"exitCode": 137, "reason": "Error"}}`, 137, ""},
		"before": {`{"terminated": {"exitCode": 2, "reason": "Error"}}`, 2, ""},
	} {
		p := &place{harness: `{"running": {}}`}
		looks := 0 // they come one after another
		p.log = func() bool {
			if looks++; looks > 1 {
				p.mu.Lock()
				p.harness = c.state
				p.mu.Unlock()
			}
			return looks > 1
		}
		e := p.carry(t)
		e.patience = time.Nanosecond // as if each silence were a long one
		code, err := e.listen(t.Context(), "lapse-x")
		if code != c.code || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %d, %v", name, code, err)
		}
	}
}

// TestInterrupted: an interrupt that is not heard at first is told again.
func TestInterrupted(t *testing.T) {
	p := &place{harness: `{"running": {}}`, deaf: 1}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if code, err := p.carry(t).hear(ctx, "lapse-x"); code != 130 || err != nil {
		t.Errorf("%d, %v", code, err)
	}
}

// TestOutFirst: whether the run can be kept here is known before anything is made there.
func TestOutFirst(t *testing.T) {
	p := &place{}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	provider := &Provider{Kubeconfig: config(t, t.TempDir(), p.serve(t)), Image: "lapse", notes: t.TempDir()}
	_, err := provider.CarryOut(t.Context(), cluster.Errand{Name: "lapse-a", Out: file, Said: io.Discard, Note: func(string) {}})
	var wrong *cluster.EnvironmentError
	if !errors.As(err, &wrong) || !strings.Contains(err.Error(), "--out") || len(p.asked) != 0 {
		t.Errorf("%v, asked %v", err, p.asked)
	}
}
