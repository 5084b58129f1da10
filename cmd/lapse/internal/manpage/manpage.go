// Package manpage writes man pages of commands in the macros of man(7).
package manpage

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Tree writes a page of c and of every command below it that help shows into the
// directory dir, which must be there; write is what makes a file. Source is the program and its version. The same
// commands give the same bytes.
func Tree(c *cobra.Command, source, dir string, write func(path string, page func(io.Writer) error) error) error {
	if err := write(filepath.Join(dir, name(c)+".1"), func(w io.Writer) error { return Write(w, c, source) }); err != nil {
		return err
	}
	for _, below := range c.Commands() {
		if !shown(below) {
			continue
		}
		if err := Tree(below, source, dir, write); err != nil {
			return err
		}
	}
	return nil
}

// Write writes the page of c.
func Write(w io.Writer, c *cobra.Command, source string) error {
	c.InitDefaultHelpCmd()
	c.InitDefaultHelpFlag()
	p := page{bufio.NewWriter(w)}
	p.line(".TH %q 1 \"\" %q %q", strings.ToUpper(name(c)), source, c.Root().Name())
	p.line(".SH NAME\n%s \\- %s", escape(name(c)), escape(c.Short))
	p.line(".SH SYNOPSIS\n\\fB%s\\fP", escape(c.UseLine()))
	p.line(".SH DESCRIPTION")
	about := c.Long
	if about == "" {
		about = c.Short
	}
	p.text(about)
	p.flags("OPTIONS", c.NonInheritedFlags())
	p.flags("OPTIONS INHERITED FROM PARENT COMMANDS", c.InheritedFlags())
	if c.Example != "" {
		p.line(".SH EXAMPLE")
		p.literal(c.Example)
	}
	p.seeAlso(c)
	return p.w.Flush() // which has the first error
}

func name(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

func shown(c *cobra.Command) bool {
	return c.IsAvailableCommand() && !c.IsAdditionalHelpTopicCommand()
}

type page struct{ w *bufio.Writer }

func (p page) line(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

// text is paragraphs; those that are indented keep their lines.
func (p page) text(s string) {
	for _, part := range strings.Split(strings.Trim(s, "\n"), "\n\n") {
		if strings.HasPrefix(part, " ") || strings.HasPrefix(part, "\t") {
			p.literal(part)
			continue
		}
		p.line(".PP\n%s", escape(part))
	}
}

func (p page) literal(s string) { p.line(".PP\n.RS\n.nf\n%s\n.fi\n.RE", escape(s)) }

func (p page) flags(title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	p.line(".SH %s", title)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Deprecated != "" {
			return
		}
		names := `\fB` + escape("--"+f.Name) + `\fP`
		if f.Shorthand != "" {
			names = `\fB` + escape("-"+f.Shorthand) + `\fP, ` + names
		}
		value, usage := pflag.UnquoteUsage(f)
		if value != "" {
			names += ` \fI` + escape(value) + `\fP`
		}
		if f.DefValue != "" && f.DefValue != "[]" && f.DefValue != "false" {
			usage += " (default " + f.DefValue + ")"
		}
		p.line(".TP\n%s\n%s", names, escape(usage))
	})
}

func (p page) seeAlso(c *cobra.Command) {
	var others []string
	if c.HasParent() {
		others = append(others, name(c.Parent()))
	}
	for _, below := range c.Commands() {
		if shown(below) {
			others = append(others, name(below))
		}
	}
	if len(others) == 0 {
		return
	}
	for i, o := range others {
		others[i] = `\fB` + escape(o) + `\fP(1)`
	}
	p.line(".SH SEE ALSO\n%s", strings.Join(others, ", "))
}

var special = strings.NewReplacer(`\`, `\e`, `-`, `\-`)

// escape makes s plain text: a line of it is never taken for a macro.
func escape(s string) string {
	lines := strings.Split(special.Replace(s), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}
