package gate

import (
	"fmt"
	"io"
	"strings"

	"github.com/lapse-test/lapse/results/verdict"
)

// maxMarkdown keeps a step summary below GitHub's 1 MiB, above which all of it
// is refused.
const maxMarkdown = 900 << 10

// WriteMarkdown writes a suite's result for a pull request or a step summary:
// what blocks first. It is cut at 900 KiB, and says so.
func WriteMarkdown(w io.Writer, s *SuiteResult) error {
	var b strings.Builder
	mark := "passed"
	if s.Exit.Code != verdict.ExitHeld {
		mark = "**blocked**: " + cell(s.Exit.Reason)
	}
	fmt.Fprintf(&b, "## lapse: %s %s\n\nseed %d, exit %d\n\n", cell(s.Suite), mark, s.Seed, s.Exit.Code)
	for _, group := range s.Gate.Groups() {
		if len(group.Findings) == 0 {
			continue
		}
		fmt.Fprintf(&b, "### %s\n\n", strings.ToLower(group.Name))
		for _, f := range group.Findings {
			fmt.Fprintf(&b, "- `%s`: %s", strings.ReplaceAll(f.ID, "`", "'"), cell(f.Text))
			if f.Until != "" {
				fmt.Fprintf(&b, " (known until %s: %s)", f.Until, cell(f.Reason))
			}
			b.WriteString("\n")
		}
		b.WriteString("\n")
	}
	b.WriteString("| run | model | expected | observed | detail |\n| --- | --- | --- | --- | --- |\n")
	for i := range s.Cases {
		c := &s.Cases[i]
		if len(c.Claims) == 0 {
			fmt.Fprintf(&b, "| %s | | | %s | %s |\n", cell(c.ID), c.Status, cell(c.Reason))
		}
		for _, r := range c.Claims {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", cell(c.ID), r.Model, r.Expect, r.Observed, cell(r.Detail))
		}
	}
	text := b.String()
	if len(text) > maxMarkdown {
		at := strings.LastIndexByte(text[:maxMarkdown], '\n')
		text = text[:at] + "\n\nThe rest is left out: see the JSON output.\n"
	}
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("writing Markdown: %w", err)
	}
	return nil
}

var cellEscaper = strings.NewReplacer("\\", "\\\\", "|", "\\|", "\n", "<br>", "\r", " ", "<", "&lt;", ">", "&gt;", "`", "\\`", "[", "\\[")

// cell escapes a text for a cell of a table: a database's own text must not
// become markup. The lines of a witness stay lines.
func cell(text string) string { return cellEscaper.Replace(text) }

// maxAnnotations is the number of annotations of a kind that GitHub shows for a step.
const maxAnnotations = 10

// WriteAnnotations writes GitHub workflow commands, what blocks first: at most ten
// errors and ten warnings, the last of which says how many more there are.
func WriteAnnotations(w io.Writer, s *SuiteResult) error {
	var failures, warnings []string
	line := func(kind string, group string, f Finding) string {
		at := ""
		if f.Line > 0 {
			at = fmt.Sprintf("file=%s,line=%d,", property(s.File), f.Line)
		}
		return fmt.Sprintf("::%s %stitle=%s::%s", kind, at, property(strings.ToLower(group)+": "+f.ID), message(f.Text))
	}
	for _, group := range s.Gate.Groups() {
		for _, f := range group.Findings {
			warn := group.Name == "ONGOING" || group.Name == "INCONCLUSIVE" && s.Policy.Inconclusive == PolicyWarn ||
				group.Name == "ENVIRONMENT" && s.Policy.Environment == PolicyWarn
			switch {
			case group.Name == "RESOLVED":
			case warn:
				warnings = append(warnings, line("warning", group.Name, f))
			default:
				failures = append(failures, line("error", group.Name, f))
			}
		}
	}
	for kind, list := range map[string][]string{"error": failures, "warning": warnings} {
		for i, l := range list {
			if i == maxAnnotations-1 && len(list) > maxAnnotations {
				l = fmt.Sprintf("::%s title=lapse::+%d more in the summary", kind, len(list)-i)
			}
			if i == maxAnnotations {
				break
			}
			if _, err := fmt.Fprintln(w, l); err != nil {
				return fmt.Errorf("writing annotations: %w", err)
			}
		}
	}
	return nil
}

// message and property escape as GitHub's workflow commands want it.
func message(t string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(t)
}

func property(t string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(t)
}
