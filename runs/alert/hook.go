// Package alert tells others of the violations of a run while it goes on: a command, or
// whoever listens at a URL. Telling takes bounded time, never keeps a run waiting, and
// changes no verdict; what it starts has ended when the run has.
package alert

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
)

// Hook is where violations are told. What was asked for is in no text that it gives: a URL
// may be a secret as a whole, and a command may hold one.
type Hook struct {
	command string
	// address has the names of variables in it, as it was given.
	address string
}

// variable is a variable of the environment in a URL.
var variable = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}|\$[A-Za-z_][A-Za-z0-9_]*`)

// addressed are texts that begin as a URL does, whatever comes then: taken for a command, the
// shell would end one with several parameters at the first & and say what it is.
var addressed = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)

// Parse reads what --on-violation gives: a URL with http or https, in which variables of the
// environment stand as ${NAME}, or a command for the shell. It is nil for the empty text.
// Errors do not repeat the text.
func Parse(text string) (*Hook, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil //nolint:nilnil // nobody is to be told
	}
	if !addressed.MatchString(text) && !wholly(text) {
		return &Hook{command: text}, nil
	}
	h := &Hook{address: text}
	if _, err := h.url(); err != nil {
		return nil, err
	}
	return h, nil
}

// wholly tells whether a text is one variable, which then holds a URL.
func wholly(text string) bool { return variable.FindString(text) == text }

// url is the address with the values of its variables.
func (h *Hook) url() (*url.URL, error) {
	lacking := ""
	address := variable.ReplaceAllStringFunc(h.address, func(name string) string {
		name = strings.Trim(name, "${}")
		value := os.Getenv(name)
		if value == "" {
			lacking = name
		}
		return value
	})
	if lacking != "" {
		return nil, fmt.Errorf("the variable %s of the environment, which its URL names, is not set", lacking)
	}
	address = strings.TrimSpace(address)
	u, err := url.Parse(address)
	switch {
	case err != nil, strings.ContainsAny(address, " \t\n"):
		return nil, errors.New("its URL cannot be read") // the reason would repeat it
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, errors.New("a URL must begin with http:// or https:// and a host; anything else is a command for the shell")
	}
	return u, nil
}

// String says who is told, without secrets: the host of a URL, or that it is a command.
func (h *Hook) String() string {
	if h.command != "" {
		return "the command"
	}
	u, err := h.url()
	if err != nil {
		return "the URL"
	}
	return u.Scheme + "://" + u.Host
}
