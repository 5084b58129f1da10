package report

import (
	"regexp"

	"github.com/a-h/templ"
)

var flagWord = regexp.MustCompile(`--[a-z][a-z0-9-]*`)

// prose is a text whose flags are not broken after their dashes, where browsers would break them.
func prose(s string) templ.Component {
	return templ.Raw(flagWord.ReplaceAllString(templ.EscapeString(s), `<span class="flag">$0</span>`))
}
