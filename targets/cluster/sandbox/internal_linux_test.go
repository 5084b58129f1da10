package sandbox

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestWayOut(t *testing.T) {
	for _, c := range []struct {
		title    string
		rootless bool
		err      error
		settings map[string]string
		want     string
	}{
		{"no user namespaces allowed", true, syscall.ENOSPC, map[string]string{"user/max_user_namespaces": "0"}, "sysctl user.max_user_namespaces="},
		{"Debian's switch", true, syscall.EPERM, map[string]string{"kernel/unprivileged_userns_clone": "0"}, "sysctl kernel.unprivileged_userns_clone=1"},
		{"Debian's switch does not concern root", false, syscall.EPERM, map[string]string{"kernel/unprivileged_userns_clone": "0"}, "--privileged"},
		{"Ubuntu's AppArmor", true, syscall.EACCES, map[string]string{"kernel/apparmor_restrict_unprivileged_userns": "1"}, "AppArmor"},
		{"a container", true, syscall.EPERM, nil, "--privileged"},
		{"limits", false, syscall.ENOSPC, nil, "limit"},
		{"not in the kernel", true, syscall.EINVAL, nil, "CONFIG_USER_NS"},
		{"anything else", true, errors.New("odd"), nil, "--provider local"},
	} {
		got := wayOut(c.rootless, c.err, func(name string) string { return c.settings[name] })
		if !strings.Contains(got, c.want) || !strings.Contains(got, "--provider docker") {
			t.Errorf("%s: %q does not say %q and name the other providers", c.title, got, c.want)
		}
	}
}

func TestChoosePrivate(t *testing.T) {
	if got, err := choosePrivate([]string{"/dev/shm/results"}); err != nil || got == "/dev/shm" {
		t.Errorf("with results below /dev/shm: %q, %v", got, err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("/dev/shm", link); err != nil {
		t.Fatal(err)
	}
	if got, err := choosePrivate([]string{link + "/not/yet/there"}); err != nil || got == "/dev/shm" {
		t.Errorf("with results behind a link to /dev/shm: %q, %v", got, err)
	}
	if got, err := choosePrivate([]string{"/dev/shm", "/mnt/x", "/media/x", "/srv/x"}); err == nil {
		t.Errorf("with results everywhere: %q, no error", got)
	}
}

// TestOutlasting: what is private to a sandbox is not noted, because outside the path is somebody else's.
func TestOutlasting(t *testing.T) {
	files := []string{"/dev/shm/sem.some_57", "/dev/shmem/some_57", "/var/some_57"}
	for private, want := range map[string][]string{"/dev/shm": files[1:], "/mnt": files} {
		if got := outlasting(files, private); !slices.Equal(got, want) {
			t.Errorf("with %s private: %q, want %q", private, got, want)
		}
	}
}

func TestNoted(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{"+/a\x00", []string{"/a"}},
		{"+/a\x00+/b\nc\x00-/a\x00", []string{"/b\nc"}},
		{"+/a\x00-/a\x00+/a\x00", []string{"/a"}},
		{"+relative\x00+\x00-\x00", nil}, // nothing that is not absolute is removed
	} {
		if got := slices.Sorted(maps.Keys(noted(c.text))); !slices.Equal(got, c.want) {
			t.Errorf("noted(%q) = %q, want %q", c.text, got, c.want)
		}
	}
}

func TestMarkerOfAnotherSandboxIsIgnored(t *testing.T) {
	if !Inside() {
		t.Fatal("the tests do not run in a sandbox")
	}
	m, _ := readMarker()
	m.pidNS = "pid:[1]"
	t.Setenv(envInside, m.String())
	if Inside() || Private() != "" {
		t.Error("a marker of another PID namespace is believed")
	}
}
