package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// fitHelp has help take the width of the terminal, with what is said of a command, which is written in lines of some length,
// broken anew. Examples are to be copied and stay as they are.
func (a *app) fitHelp(root *cobra.Command) {
	if a.Text == a.Stdout {
		return // no terminal
	}
	plain := root.HelpFunc()
	root.SetHelpFunc(func(c *cobra.Command, args []string) {
		var help bytes.Buffer
		c.SetOut(&help)
		plain(c, args)
		c.SetOut(a.Stdout)
		a.printHelp(help.String())
	})
}

func (a *app) printHelp(help string) {
	long, rest, ok := strings.Cut(help, "\nUsage:\n")
	if ok {
		rest = "\nUsage:\n" + rest
	}
	a.printParagraphs(long)
	section := ""
	for line := range strings.Lines(rest) {
		if line != "" && line[0] > ' ' {
			section = strings.TrimSpace(line)
		}
		w := a.Text
		if section == "Examples:" {
			w = a.Stdout
		}
		fmt.Fprint(w, line)
	}
}

// printParagraphs writes the lines of a paragraph as one, broken where the terminal ends. Lines that are indented, or begin with
// a dash, stand for themselves.
func (a *app) printParagraphs(text string) {
	paragraph := ""
	end := func() {
		if paragraph != "" {
			fmt.Fprintln(a.Stdout, a.Style.Prose(paragraph))
		}
		paragraph = ""
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if line == "" || line[0] == ' ' || strings.HasPrefix(line, "- ") {
			end()
			fmt.Fprintln(a.Text, line)
			continue
		}
		paragraph = strings.TrimPrefix(paragraph+" "+line, " ")
	}
	end()
}
