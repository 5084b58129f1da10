package text

import (
	"fmt"
	"strings"

	"github.com/lapse-test/lapse/history"
)

// maxListShown bounds the elements of a list shown in a line.
const maxListShown = 24

func listText(h *history.History, list []history.Value) string {
	var parts []string
	for i, v := range list {
		if i == maxListShown {
			parts = append(parts, fmt.Sprintf("... %d more", len(list)-i))
			break
		}
		parts = append(parts, h.ValueText(v))
	}
	return "[" + strings.Join(parts, " ") + "]"
}
