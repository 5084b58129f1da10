package strictyaml

import (
	"fmt"
	"strings"
	"unicode"
)

// width is how many characters of a line are quoted.
const width = 160

// excerpt makes what the library says of an error fit for a terminal: of each line no
// more than width characters, of quoted ones those around the caret; and what is not
// printable, such as the beginning of an escape sequence, is a replacement character.
func excerpt(text string) string {
	text = printable(text)
	message, quoted, found := strings.Cut(text, "\n")
	message = clip(message, 0)
	if !found {
		return message
	}
	lines := strings.Split(quoted, "\n")
	from := 0
	for _, l := range lines {
		if at, isCaret := strings.CutSuffix(l, "^"); isCaret && strings.TrimSpace(at) == "" {
			from = max(0, len(at)-width/2)
		}
	}
	for i, l := range lines {
		lines[i] = clip(l, from)
	}
	return message + "\n" + strings.Join(lines, "\n")
}

// clip is width characters of a line from the one numbered from; dots stand for what is
// left out.
func clip(line string, from int) string {
	r := []rune(line)
	cut := ""
	if r = r[min(from, len(r)):]; len(r) > width {
		r, cut = r[:width], "..."
	}
	return string(r) + cut
}

// In is err, of Unmarshal, said of the file called name.
func In(name string, err error) error {
	if strings.HasPrefix(err.Error(), "[") {
		return fmt.Errorf("%s:%w", name, err)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// Quote is what an error shows of a line of a file.
func Quote(line string) string { return clip(printable(line), 0) }

// printable is text without what a terminal would take for a command.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return unicode.ReplacementChar
	}, text)
}
