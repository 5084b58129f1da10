package postgres

import "strings"

// complains says whether a line of a server's log tells why it has ended: that it panicked, or what was fatal to more than a connection
// that came too early.
func complains(line string) bool {
	if strings.Contains(line, "PANIC:") {
		return true
	}
	return strings.Contains(line, "FATAL:") && !strings.Contains(line, "the database system is ") && !strings.Contains(line, "administrator command")
}
