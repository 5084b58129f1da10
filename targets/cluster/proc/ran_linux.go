package proc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Ran is how long the threads of a process have run on a processor.
func Ran(pid int) (time.Duration, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, err
	}
	text := string(b)
	f := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	const user, system = 14 - 3, 15 - 3 // the third field is the first behind the name
	if len(f) <= system {
		return 0, fmt.Errorf("/proc/%d/stat: %q", pid, text)
	}
	var ticks int64
	for _, i := range []int{user, system} {
		n, err := strconv.ParseInt(f[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		ticks += n
	}
	const perSecond = 100 // USER_HZ, which is the same on every machine that Go runs on
	return time.Duration(ticks) * time.Second / perSecond, nil
}
