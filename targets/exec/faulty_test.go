package exec

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/external"
)

// envFaulty makes this binary a program, whose value says what is wrong with it.
const envFaulty = "LAPSE_TEST_FAULTY"

// secret is in the environment of the faulty programs.
const secret = "hunter2-of-the-test"

func TestMain(m *testing.M) {
	if fault, ok := os.LookupEnv(envFaulty); ok {
		faulty(fault)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// faulty is a program: its hello and its opening are right, and the answer to each
// operation is what fault says, with %d for the id of the request.
func faulty(fault string) {
	fmt.Fprintln(os.Stderr, "the password is", os.Getenv("PGPASSWORD"))
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var r Request
		if err := json.Unmarshal(in.Bytes(), &r); err != nil {
			panic(err)
		}
		switch r.Type {
		case typeHello:
			if fault == "refuses" {
				fmt.Printf(`{"id":%d,"type":"hello","protocol":1,"database":"Faulty 1","nodes":["n1","n2"],"functions":["read"],"control":["start","stop","kill","ready"]}`+"\n", r.ID)
				continue
			}
			fmt.Printf(`{"id":%d,"type":"hello","protocol":1,"database":"Faulty 1","nodes":["n1","n2"],"functions":["read","write","cas","read-list","read-counter","generate","transfer"],"max_txn":2}`+"\n", r.ID)
			continue
		case typeOpen:
			fmt.Printf(`{"id":%d,"type":"ok"}`+"\n", r.ID)
			if fault == "unasked" {
				fmt.Println(`{"id":2,"type":"ok","value":7}`)
			}
			if fault == "deaf" {
				time.Sleep(time.Hour)
			}
			continue
		case typeClose:
			return
		}
		switch fault {
		case "crash":
			fmt.Fprintln(os.Stderr, "segmentation fault, or so")
			os.Exit(3)
		case "silent", "unasked":
		case "refuses":
			fmt.Printf(`{"id":%d,"type":"fail","error":"no %s of %s"}`+"\n", r.ID, r.Type, r.Node)
		case "long":
			fmt.Println(strings.Repeat("x", lineMost+1))
		case "half":
			fmt.Printf(`{"id":%d,"type":`, r.ID)
			return
		case "secret":
			fmt.Printf(`{"id":%d,"type":"fail","error":"no entry with %s"}`+"\n", r.ID, secret)
		default:
			fmt.Println(strings.ReplaceAll(fault, "%d", fmt.Sprint(r.ID)))
		}
	}
}

// faultySystem is a system whose program has a fault.
func faultySystem(t *testing.T, fault string) *System {
	t.Helper()
	t.Setenv(envFaulty, fault)
	t.Setenv("PGPASSWORD", secret)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	options := map[string]string{OptProgram: "exec '" + self + "'"}
	d, err := Target{}.Describe(t.Context(), targets.Config{Options: options})
	if err != nil {
		t.Fatal(err)
	}
	c, err := commandOf(options)
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "stderr.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	return &System{h: d.(*described).h, command: c, run: "r", timeout: time.Second, logger: quiet, log: log}
}

var (
	aRead  = history.Mop{Func: history.Read, Key: 1}
	aWrite = history.Mop{Func: history.Write, Key: 1, Arg: 5}
	aCAS   = history.Mop{Func: history.CAS, Key: 1, Expect: history.Absent, Arg: 6}
	aList  = history.Mop{Func: history.ReadList, Key: 1}
)

// TestServed: a program says which failures the database served: they are aborts and no downtime.
func TestServed(t *testing.T) {
	for _, c := range []struct {
		answer string
		want   history.Outcome
		note   string
	}{
		{`{"id":%d,"type":"fail","error":"conflict","aborted":true}`, history.Fail, history.NoteAborted},
		{`{"id":%d,"type":"fail","error":"conflict"}`, history.Fail, ""},
		{`{"id":%d,"type":"info","error":"conflict","aborted":true}`, history.Info, ""},
	} {
		s := faultySystem(t, c.answer)
		client, err := s.Open(t.Context(), targets.Session{ID: 1, Text: func(string) history.Value { return history.TextValue(0) }})
		if err != nil {
			t.Fatal(err)
		}
		res := client.Do(t.Context(), 0, &history.Txn{Mops: []history.Mop{aWrite}})
		if res.Outcome != c.want || res.Note != c.note {
			t.Errorf("%s: %v with note %q, want %v with %q", c.answer, res.Outcome, res.Note, c.want, c.note)
		}
		_ = client.Close() // its program may have been ended already
	}
}

// TestFaultyPrograms: whatever a program does instead of answering rightly, a write is
// what is known of it, a read failed, nothing is observed, and the session is over.
func TestFaultyPrograms(t *testing.T) {
	for _, c := range []struct {
		name, fault string
		ops         []history.Mop
		want        history.Outcome
		says        string
		ends        bool
	}{
		{"a write that is not answered", "silent", []history.Mop{aWrite}, history.Info, "deadline exceeded", true},
		{"a read that is not answered", "silent", []history.Mop{aRead}, history.Fail, "deadline exceeded", true},
		{"a crash in a write", "crash", []history.Mop{aWrite}, history.Info, "the program has ended", true},
		{"a crash in a read", "crash", []history.Mop{aRead}, history.Fail, "the program has ended", true},
		{"garbage for a write", "what?", []history.Mop{aWrite}, history.Info, "the program's answer is not one of the protocol", true},
		{"garbage for a read", "what?", []history.Mop{aRead}, history.Fail, "the program's answer is not one of the protocol", true},
		{"an answer that breaks off", "half", []history.Mop{aWrite}, history.Info, "the program's answer breaks off", true},
		{"a line that is too long", "long", []history.Mop{aWrite}, history.Info, "the program's answer is too long", true},
		{"another id", `{"id":1,"type":"ok"}`, []history.Mop{aWrite}, history.Info, "the program answered with another id", true},
		{"no id", `{"type":"ok"}`, []history.Mop{aWrite}, history.Info, "the program's answer has no id", true},
		{"an answer that nobody asked for", "unasked", []history.Mop{aWrite}, history.Fail, "the program said something that nobody asked for", true},
		{"another type", `{"id":%d,"type":"done"}`, []history.Mop{aWrite}, history.Info, "the program's answer is of another type", true},
		{"a field that there is not", `{"id":%d,"type":"ok","vale":1}`, []history.Mop{aRead}, history.Fail, "the program's answer is not one of the protocol", true},
		{"two objects", `{"id":%d,"type":"ok"}{}`, []history.Mop{aWrite}, history.Info, "the program's answer is not one of the protocol", true},
		{"a read without a value", `{"id":%d,"type":"ok"}`, []history.Mop{aRead}, history.Fail, "the program's answer has no value", true},
		{"a read of a fraction", `{"id":%d,"type":"ok","value":1.5}`, []history.Mop{aRead}, history.Fail, "the program's answer has a value that is neither integer nor text", true},
		{"a list that is none", `{"id":%d,"type":"ok","value":3}`, []history.Mop{aList}, history.Fail, "the program's answer has no list", true},
		{"a list with null", `{"id":%d,"type":"ok","value":[1,null]}`, []history.Mop{aList}, history.Fail, "the program's answer has a list with nothing in it", true},
		{"half a transaction", `{"id":%d,"type":"ok","ops":[{"value":5}]}`, []history.Mop{aRead, aWrite}, history.Info, "the program's answer has another number of operations", true},
		{"a mismatch of a write", `{"id":%d,"type":"fail","mismatch":true}`, []history.Mop{aWrite}, history.Info, "the program says mismatch of what has no condition", true},
		{"a node that there is not", `{"id":%d,"type":"ok","node":"n9"}`, []history.Mop{aWrite}, history.Info, "the program's answer names a node that there is not", true},
		{"a secret in an error", "secret", []history.Mop{aWrite}, history.Fail, "no entry with ***", false},

		{"a write", `{"id":%d,"type":"ok"}`, []history.Mop{aWrite}, history.OK, "", false},
		{"a read", `{"id":%d,"type":"ok","value":5,"version":3}`, []history.Mop{aRead}, history.OK, "", false},
		{"a read of nothing", `{"id":%d,"type":"ok","value":null}`, []history.Mop{aRead}, history.OK, "", false},
		{"a failed compare-and-set", `{"id":%d,"type":"fail","mismatch":true,"value":4}`, []history.Mop{aCAS}, history.Fail, "the program says fail", false},
		{"who knows", `{"id":%d,"type":"info","error":"time-out"}`, []history.Mop{aWrite}, history.Info, "time-out", false},
		{"a read that nobody knows of", `{"id":%d,"type":"info","error":"time-out"}`, []history.Mop{aRead}, history.Fail, "time-out", false},
		{"a transaction", `{"id":%d,"type":"ok","ops":[{"value":5},{}]}`, []history.Mop{aRead, aWrite}, history.OK, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := faultySystem(t, c.fault)
			var told []string
			s.Observe(func(_, text string) { told = append(told, text) })
			client, err := s.Open(t.Context(), targets.Session{ID: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := client.Close(); err != nil {
					t.Error(err)
				}
			}()
			if c.fault == "unasked" { // let it arrive
				waitForLine(t, client.(*session).p)
			}
			timeout := 20 * time.Second
			if c.fault == "silent" {
				timeout = 200 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			txn := history.Txn{Mops: slices.Clone(c.ops)}
			res := client.Do(ctx, 0, &txn)
			if res.Outcome != c.want || res.Broken != c.ends {
				t.Errorf("%v (%v), broken %v; want %v, %v", res.Outcome, res.Err, res.Broken, c.want, c.ends)
			}
			if c.says == "" && res.Err != nil || c.says != "" && fmt.Sprint(res.Err) != c.says {
				t.Errorf("it says %v, want %q", res.Err, c.says)
			}
			for i := range txn.Mops {
				if c.ends && txn.Mops[i].Flags != c.ops[i].Flags {
					t.Errorf("of a wrong answer %+v is taken for seen", txn.Mops[i])
				}
			}
			if c.fault == "crash" && (len(told) != 1 || !strings.Contains(told[0], "segmentation fault") || !strings.Contains(told[0], "exit status 3")) {
				t.Errorf("of the crash it is told %q", told)
			}
			log, err := os.ReadFile(s.log.(*os.File).Name())
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range append(told, fmt.Sprint(res.Err), string(log)) {
				if strings.Contains(text, secret) {
					t.Errorf("the secret is told: %s", text)
				}
			}
		})
	}
}

func waitForLine(t *testing.T, p *program) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for len(p.lines) == 0 {
		select {
		case <-ctx.Done():
			t.Fatal("no line came")
		case <-time.After(time.Millisecond):
		}
	}
}

// TestStartRefused: a program that starts no node is told of in one line, with what it said and where more is.
func TestStartRefused(t *testing.T) {
	t.Setenv(envFaulty, "refuses")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	target, err := Target{}.Describe(t.Context(), targets.Config{Options: map[string]string{OptProgram: "exec '" + self + "'"}})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := target.Resolve(targets.Config{Run: "r", Options: map[string]string{OptProgram: "exec '" + self + "'"}})
	if err != nil {
		t.Fatal(err)
	}
	spec := target.Spec(cfg)
	spec.LogDir = t.TempDir()
	c, err := external.Provider{}.Open(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	_, err = target.Start(t.Context(), c, cfg)
	var environment *cluster.EnvironmentError
	if !errors.As(err, &environment) || !strings.HasPrefix(err.Error(), "starting Faulty 1: start of n1: the program says no: no start of n1; what the program said") || strings.Contains(err.Error(), "\n") {
		t.Errorf("it says %v", err)
	}
}

// TestDeafProgram: a request that does not fit into the pipe of a program that does not
// read ends at the deadline, and is sent for all that is known.
func TestDeafProgram(t *testing.T) {
	s := faultySystem(t, "deaf")
	client, err := s.Open(t.Context(), targets.Session{ID: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	txn := history.Txn{Mops: slices.Repeat([]history.Mop{aWrite}, 5000)}
	if res := client.Do(ctx, 0, &txn); res.Outcome != history.Info || !res.Broken {
		t.Errorf("%+v", res)
	}
}

// TestSecretInText: a value that the database returned is told without secrets.
func TestSecretInText(t *testing.T) {
	s := faultySystem(t, fmt.Sprintf(`{"id":%%d,"type":"ok","value":"x %s"}`, secret))
	var seen string
	client, err := s.Open(t.Context(), targets.Session{ID: 1, Text: func(text string) history.Value {
		seen = text
		return history.TextValue(3)
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	txn := history.Txn{Mops: []history.Mop{aRead}}
	if res := client.Do(t.Context(), 0, &txn); res.Outcome != history.OK || txn.Mops[0].Ret != history.TextValue(3) || seen != "x ***" {
		t.Errorf("%+v, %v, %q", res, txn.Mops[0].Ret, seen)
	}
}

// TestDescribe: what a hello lacks, and a program that is none, is told to the user.
func TestDescribe(t *testing.T) {
	hello := func(change string) string {
		return `read x; printf '{"id":1,"type":"hello","protocol":1,"database":"D 1",` + change + `}\n'; read x`
	}
	rest := `,"nodes":["n1"],"functions":["read"]`
	for _, c := range []struct {
		name, program, want string
		nodes               int
	}{
		{"none", "", "say which program speaks", 0},
		{"not there", "/no/such/program", "not found", 0},
		{"a crash", "echo oh no >&2; exit 3", "exit status 3); on standard error it said: oh no", 0},
		{"garbage", "read x; echo hello", "is not one of the protocol", 0},
		{"a password", "client --password=hunter22", "has a secret in it", 0},
		{"no nodes", hello(`"nodes":[],"functions":["read"]`), "nodes has 0 names", 0},
		{"other nodes", hello(`"nodes":["n1"],"functions":["read"]`), "--nodes 3 asks for another number", 3},
		{"a node's name", hello(`"nodes":["N_1"],"functions":["read"]`), "is no name of a node", 0},
		{"a node twice", hello(`"nodes":["n1","n1"],"functions":["read"]`), "twice", 0},
		{"a function", hello(`"nodes":["n1"],"functions":["get"]`), `there is no "get"; there are read, write`, 0},
		{"a level", hello(`"read_levels":["a b"]` + rest), "is no name of a level", 0},
		{"a verb", hello(`"control":["destroy"]` + rest), `there is no "destroy"`, 0},
		{"a kill without a start", hello(`"control":["kill"]` + rest), "which goes with it", 0},
	} {
		_, err := Target{}.Describe(t.Context(), targets.Config{Nodes: c.nodes, Options: map[string]string{OptProgram: c.program}})
		var usage *targets.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := (Target{}).Describe(t.Context(), targets.Config{Options: map[string]string{OptProgram: "true", optDir: "/no/such/directory"}}); err == nil || !strings.Contains(err.Error(), "/no/such/directory") {
		t.Errorf("a directory that there is not: %v", err)
	}
	d, err := Target{}.Describe(t.Context(), targets.Config{Options: map[string]string{OptProgram: hello(`"write_levels":["w1"],"control":["start","kill","ready"]` + rest)}})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := d.Resolve(targets.Config{Options: map[string]string{OptProgram: "x"}})
	if err != nil || cfg.ReadLevel != onlyLevel || cfg.WriteLevel != "w1" || cfg.Nodes != 1 {
		t.Errorf("%+v, %v", cfg, err)
	}
	if missing := cfg.Operator.Missing([]string{"n1"}, "kill", "start", "cut"); !slices.Equal(missing, []string{"n1.cut"}) {
		t.Errorf("lacking are %v", missing)
	}
}
