package sandbox

import (
	"errors"
	"os"
	"strings"
	"syscall"

	"github.com/lapse-test/lapse/targets/cluster"
)

const otherwise = "--provider local needs no namespaces (quorumkv, Postgres), --provider docker leaves them to the engine"

// refused explains why the kernel did not let us make namespaces, and names the
// setting that stands in the way, where it can be seen.
func refused(rootless bool, err error) error {
	return &cluster.EnvironmentError{
		Doing: "making Linux namespaces",
		Err:   err,
		Way:   wayOut(rootless, err, readSetting),
	}
}

func readSetting(name string) string {
	b, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// wayOut names what the user can do, given how settings below /proc/sys read.
func wayOut(rootless bool, err error, setting func(string) string) string {
	switch {
	case setting("user/max_user_namespaces") == "0" && rootless:
		return "allow them with `sudo sysctl user.max_user_namespaces=15000` or run as root; or else " + otherwise
	case setting("kernel/unprivileged_userns_clone") == "0" && rootless:
		return "allow them with `sudo sysctl kernel.unprivileged_userns_clone=1` or run as root; or else " + otherwise
	case setting("kernel/apparmor_restrict_unprivileged_userns") == "1" && rootless:
		return "allow them with `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0` (AppArmor restricts them) or run as root; or else " + otherwise
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EUSERS):
		return "a limit below /proc/sys/user is used up or namespaces are nested too deeply; or else " + otherwise
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return "in a container, start it with --privileged (or with --security-opt seccomp=unconfined --security-opt systempaths=unconfined); or else " + otherwise
	case errors.Is(err, syscall.EINVAL):
		return "the kernel has no such namespaces (CONFIG_USER_NS, CONFIG_PID_NS, CONFIG_NET_NS); " + otherwise
	}
	return otherwise
}
