package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/targets"
)

// writers are the kinds of --output.
var writers = map[string]func(io.Writer, *gate.SuiteResult) error{
	"junit":    gate.WriteJUnit,
	"markdown": gate.WriteMarkdown,
	"github":   gate.WriteAnnotations,
	"json": func(w io.Writer, s *gate.SuiteResult) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(s)
	},
}

// kindHTML is the kind of --output that needs the runs too.
const kindHTML = "html"

func addOutputFlag(c *cobra.Command, outputs *[]string) {
	c.Flags().StringArrayVar(outputs, "output", nil, "write the suite's result too: junit=FILE, json=FILE, markdown=FILE, html=FILE or github=FILE, - is stdout (repeatable)")
}

func checkOutputs(outputs []string) error {
	for _, o := range outputs {
		kind, path, ok := strings.Cut(o, "=")
		if _, known := writers[kind]; !ok || !known && kind != kindHTML || path == "" {
			return targets.Usagef("--output %s: must be junit=FILE, json=FILE, markdown=FILE, html=FILE or github=FILE", o)
		}
	}
	return nil
}

// writeOutputs writes what was asked for and, inside GitHub Actions, the step
// summary and annotations unasked.
func (a *app) writeOutputs(s *gate.SuiteResult, outputs []string) error {
	for _, o := range outputs {
		kind, path, _ := strings.Cut(o, "=")
		var b bytes.Buffer
		write := writers[kind]
		if kind == kindHTML {
			write = a.drawSuite
		}
		if err := write(&b, s); err != nil {
			return err
		}
		if path == "-" {
			if _, err := a.stdout.Write(b.Bytes()); err != nil {
				return fmt.Errorf("writing %s: %w", kind, err)
			}
			continue
		}
		if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
			return targets.Usagef("--output %s: %v", o, err)
		}
	}
	if os.Getenv("GITHUB_ACTIONS") != "true" {
		return nil
	}
	if summary := os.Getenv("GITHUB_STEP_SUMMARY"); summary != "" {
		f, err := os.OpenFile(summary, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
		if err != nil {
			return fmt.Errorf("writing the step summary: %w", err)
		}
		if err := errors.Join(gate.WriteMarkdown(f, s), f.Close()); err != nil {
			return err
		}
	}
	return gate.WriteAnnotations(a.stderr, s)
}

func (a *app) gateCommand() *cobra.Command {
	var ref, baseline, until, reason string
	var outputs []string
	var accept bool
	c := &cobra.Command{
		Use:   "gate",
		Short: "Decide whether a suite's result blocks, given what is known",
		Long: `Compare the result of a suite with a baseline of known violations: new ones block,
known ones do not until the day that stands with them, and one that is resolved is
said to be. A violation never becomes green by running again.

--accept writes the new violations into the baseline, with a day and a reason, and
takes out what is resolved.`,
		Example: `  lapse gate
  lapse gate --results latest --baseline .lapse/baseline.json --output junit=junit.xml
  lapse gate --baseline .lapse/baseline.json --accept --until 2027-03-01 --reason "asynchronous by design"`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := checkOutputs(outputs); err != nil {
				return err
			}
			res, err := a.openSuite(ref)
			if err != nil {
				return err
			}
			known, err := readBaseline(baseline)
			if err != nil {
				return err
			}
			if res.State == "running" {
				return targets.Usagef("suite %s was not finished; go on with lapse run %s --resume", res.ID, res.File)
			}
			if res.Gate, err = gate.Judge(res, known.Known, time.Now()); err != nil {
				return targets.Usagef("%v", err)
			}
			if accept {
				return a.acceptFindings(res, known, baseline, until, reason)
			}
			res.Exit = &res.Gate.Exit
			if err := a.writeOutputs(res, outputs); err != nil {
				return err
			}
			if a.json {
				err = a.printJSON(res.Gate)
			} else {
				text.PrintGate(a.stdout, a.style, res.Gate)
				_, err = fmt.Fprintf(a.stdout, "gate: %s (exit %d)   (%s)\n", res.Exit.Reason, res.Exit.Code, res.ID)
			}
			if err != nil {
				return err
			}
			return &exitError{code: res.Exit.Code}
		},
	}
	f := c.Flags()
	f.StringVar(&ref, "results", latest, "result of a suite: a file, a directory, an identifier, or latest")
	f.StringVar(&baseline, "baseline", "", "file with what is known")
	f.BoolVar(&accept, "accept", false, "write new violations into the baseline and take resolved ones out")
	f.StringVar(&until, "until", "", "with --accept: last day on which they do not block, such as 2027-03-01")
	f.StringVar(&reason, "reason", "", "with --accept: why")
	addOutputFlag(c, &outputs)
	return c
}

// readBaseline reads a baseline; a file that is not there is an empty one.
func readBaseline(path string) (gate.Baseline, error) {
	b := gate.Baseline{Schema: gate.BaselineSchema, Known: []gate.KnownIssue{}}
	if path == "" {
		return b, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return b, targets.Usagef("--baseline: %v", err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil {
		return b, targets.Usagef("--baseline %s: %v", path, err)
	}
	if b.Schema != gate.BaselineSchema {
		return b, targets.Usagef("--baseline %s: schema %d, this lapse reads %d", path, b.Schema, gate.BaselineSchema)
	}
	return b, nil
}

func (a *app) acceptFindings(res *gate.SuiteResult, b gate.Baseline, path, until, reason string) error {
	if path == "" {
		return targets.Usagef("--accept needs --baseline FILE to write to")
	}
	accepted := slices.Concat(res.Gate.New, res.Gate.Expired)
	if len(accepted) > 0 {
		if _, err := time.Parse(time.DateOnly, until); err != nil {
			return targets.Usagef("--accept needs --until with a day such as 2027-03-01: nothing is known for ever")
		}
		if strings.TrimSpace(reason) == "" {
			return targets.Usagef("--accept needs --reason")
		}
	}
	gone := slices.Concat(accepted, res.Gate.Resolved)
	b.Known = slices.DeleteFunc(b.Known, func(k gate.KnownIssue) bool {
		return slices.ContainsFunc(gone, func(f gate.Finding) bool { return f.ID == k.ID })
	})
	for _, f := range accepted {
		b.Known = append(b.Known, gate.KnownIssue{ID: f.ID, Until: until, Reason: reason})
	}
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the baseline: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o666); err != nil {
		return targets.Usagef("--baseline: %v", err)
	}
	_, err = fmt.Fprintf(a.stdout, "%s: %d accepted, %d resolved, %d known\n", path, len(accepted), len(res.Gate.Resolved), len(b.Known))
	return err
}
