//go:build unix

package measure

import (
	"syscall"
	"time"
)

// Processor is the time that the process has spent on processors.
func Processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
