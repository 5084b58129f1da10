package registry

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// TestModelsPage keeps docs/models.md true: it names every model, and each of its
// histories breaks the model under whose name it stands, would not with its legal
// line, and breaks none of those that it is said to be allowed by.
func TestModelsPage(t *testing.T) {
	b, err := os.ReadFile("../../docs/models.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	sections := map[string]string{}
	for part := range strings.SplitSeq(page, "\n### `") {
		name, text, ok := strings.Cut(part, "`\n")
		if ok && !strings.Contains(name, " ") {
			text, _, _ = strings.Cut(text, "\n#")
			sections[name] = text
		}
	}
	for _, e := range All() {
		if sections[e.Name] == "" && !strings.Contains(page, "| `"+e.Name+"` |") {
			t.Errorf("the page does not describe %s", e.Name)
		}
	}
	if len(sections) < 30 {
		t.Fatalf("only %d sections were found", len(sections))
	}
	for name, text := range sections {
		t.Run(name, func(t *testing.T) {
			_, rest, _ := strings.Cut(text, "```history\n")
			example, _, ok := strings.Cut(rest, "```")
			if !ok {
				t.Fatal("it has no history")
			}
			tryExample(t, name, example)
		})
	}
}

func tryExample(t *testing.T, name, example string) {
	var lines, allowed []string
	legal := ""
	for line := range strings.Lines(example) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "legal"); ok {
			legal = strings.TrimSpace(text)
			continue
		}
		if text, ok := strings.CutPrefix(line, "allowed by"); ok {
			allowed = strings.Split(strings.TrimSpace(text), ", ")
			continue
		}
		lines = append(lines, line)
	}
	h := historyOf(t, lines)
	if v := verdict(t, name, h); v != checkers.Violated {
		t.Errorf("the history is %s", v)
	}
	for _, m := range allowed {
		if v := verdict(t, m, h); v == checkers.Violated {
			t.Errorf("%s does not allow it", m)
		}
	}
	// A legal line replaces the one of its session and time.
	if legal != "" {
		at := strings.Join(strings.Fields(legal)[:2], " ")
		for i := range lines {
			if strings.HasPrefix(strings.Join(strings.Fields(lines[i]), " "), at+" ") {
				lines[i] = legal
			}
		}
		if v := verdict(t, name, historyOf(t, lines)); v != checkers.Held {
			t.Errorf("with the legal line the history is %s", v)
		}
	}
}

func verdict(t *testing.T, model string, h *history.History) checkers.Status {
	t.Helper()
	c, err := ByName(model)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Applies(h); err != nil {
		t.Fatalf("%s: %v", model, err)
	}
	v, err := c.Check(context.Background(), h, checkers.Budget{})
	if err != nil {
		t.Fatalf("%s: %v", model, err)
	}
	if v.Status == checkers.Inconclusive {
		t.Logf("%s: %v %v", model, v.Reasons, v.Undecided)
	}
	return v.Status
}

// historyOf reads the lines of an example.
func historyOf(t *testing.T, lines []string) *history.History {
	t.Helper()
	head := history.Header{Source: history.SourceLapse, Initial: history.Absent, Nodes: []string{"n1", "n2"}, Attributes: map[string]string{}}
	var accounts, total int
	for _, l := range lines {
		if n, _ := fmt.Sscanf(l, "accounts %d, total %d", &accounts, &total); n == 2 {
			head.Attributes["accounts"], head.Attributes["total"] = strconv.Itoa(accounts), strconv.Itoa(total)
		}
		if n, ok := strings.CutPrefix(l, "tenants "); ok {
			head.Attributes[history.AttributeTenants] = n
		}
	}
	b := history.NewBuilder(head)
	process := int32(100)
	for _, l := range lines {
		f := strings.Fields(l)
		if f[0] == "accounts" || f[0] == "tenants" {
			continue
		}
		if f[0] == "final" {
			b.AddEvent(history.Event{At: number(t, f[1]), Kind: history.EventPhase, Text: "final"})
			continue
		}
		op := history.Op{Session: int32(number(t, f[0][1:])), Node: -1, Error: -1, Note: -1, Outcome: history.OK}
		op.Process = op.Session
		from, to, _ := strings.Cut(f[1], "-")
		op.Invoke = number(t, from)
		if to == "." {
			op.Complete, op.Outcome, op.Process = history.Never, history.Info, process
			process++
		} else {
			op.Complete = number(t, to)
		}
		text := strings.Join(f[2:], " ")
		if rest, ok := strings.CutSuffix(text, " fails"); ok {
			text, op.Outcome = rest, history.Fail
		}
		if rest, node, ok := strings.Cut(text, " by "); ok {
			text, op.Node = rest, b.Node(node)
		}
		var txn history.Txn
		for part := range strings.SplitSeq(text, "; ") {
			addMop(t, b, &txn, strings.Fields(part))
		}
		b.Add(op, &txn)
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func number(t *testing.T, s string) history.Time {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return history.Time(n)
}

func addMop(t *testing.T, b *history.Builder, txn *history.Txn, f []string) {
	t.Helper()
	value := func(s string) history.Value {
		if s == "absent" {
			return history.Absent
		}
		return history.Value(number(t, s))
	}
	m := history.Mop{}
	if n, err := strconv.Atoi(f[1]); err == nil {
		m.Key = history.Key(n) // accounts are numbers
	} else {
		m.Key = b.Key(f[1])
	}
	i := len(txn.Mops)
	switch f[0] {
	case "write", "append", "add", "remove", "enqueue", "increment":
		m.Func, _ = history.ParseFunc(f[0])
		m.Arg = value(f[2])
	case "read", "dequeue", "count", "generate":
		m.Func = map[string]history.Func{"read": history.Read, "dequeue": history.Dequeue, "count": history.ReadCounter, "generate": history.Generate}[f[0]]
		m.Ret, m.Flags = value(f[2]), history.Observed
	case "list", "set", "scan", "backup":
		m.Func = map[string]history.Func{"list": history.ReadList, "set": history.ReadSet, "scan": history.Scan, "backup": history.Backup}[f[0]]
		txn.Mops = append(txn.Mops, m)
		var list []history.Value
		for _, v := range f[2:] {
			list = append(list, value(v))
		}
		txn.SetList(i, list)
		return
	case "send":
		m.Func, m.Arg = history.Send, value(f[2])
		txn.Mops = append(txn.Mops, m)
		txn.SetVersion(i, int64(number(t, f[4])))
		return
	case "poll":
		m.Func = history.Poll
		txn.Mops = append(txn.Mops, m)
		var pairs []history.Value
		for _, v := range f[2:] {
			pairs = append(pairs, value(v))
		}
		txn.SetList(i, pairs)
		return
	case "seek":
		m.Func, m.Arg = history.Assign, history.FromBeginning
	case "acquire", "release":
		m.Func, _ = history.ParseFunc(f[0])
		if len(f) > 2 {
			m.Ret, m.Flags = value(f[2]), history.Observed
		}
	case "transfer":
		m.Func, m.Arg, m.Expect = history.Transfer, value(f[2]), value(f[3])
	default:
		t.Fatalf("unknown operation %q", f[0])
	}
	txn.Mops = append(txn.Mops, m)
}
