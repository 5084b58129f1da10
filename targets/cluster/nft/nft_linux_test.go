package nft_test

import (
	"net/netip"
	"os"
	"testing"

	"github.com/google/nftables"
	"github.com/vishvananda/netns"

	"github.com/lapse-test/lapse/targets/cluster/nft"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
)

func TestMain(m *testing.M) { os.Exit(sandboxtest.Main(m)) }

// TestHealDeletesOnlyItsOwn has two firewalls and a stranger's table in one
// namespace. That packets are dropped is tested with the sandbox provider.
func TestHealDeletesOnlyItsOwn(t *testing.T) {
	sandboxtest.EachUser(t, func(t *testing.T) {
		ns, err := netns.Get()
		if err != nil {
			t.Fatal(err)
		}
		defer ns.Close()
		conn, err := nftables.New(nftables.WithNetNSFd(int(ns)))
		if err != nil {
			t.Fatal(err)
		}
		foreign := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "foreign"})
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			conn.DelTable(foreign)
			if err := conn.Flush(); err != nil {
				t.Error(err)
			}
		}()
		a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
		one, two := nft.New(int(ns), "lapse-one"), nft.New(int(ns), "lapse-two")
		for _, step := range []struct {
			title  string
			do     func() error
			tables int
			one    int
			two    int
		}{
			{"nothing yet", func() error { return nil }, 1, 0, 0},
			{"nothing to heal", func() error { return one.Accept(a) }, 1, 0, 0},
			{"drop two, one of them twice", func() error { return one.Drop(a, b, a) }, 2, 2, 0},
			{"drop again", func() error { return one.Drop(a) }, 2, 2, 0},
			{"the other drops", func() error { return two.Drop(b) }, 3, 2, 1},
			{"accept one, twice", func() error { return one.Accept(a, a) }, 3, 1, 1},
			{"IPv6 is refused", func() error {
				if err := one.Drop(netip.IPv6Loopback()); err == nil {
					t.Error("an IPv6 address was taken")
				}
				return nil
			}, 3, 1, 1},
			{"accept the last", func() error { return one.Accept(b, a) }, 2, 0, 1},
			{"accept all", two.AcceptAll, 1, 0, 0},
			{"drop again", func() error { return one.Drop(a) }, 2, 1, 0},
			{"accept all again", one.AcceptAll, 1, 0, 0},
			{"the table is to stay, and there is none", func() error { return one.Linger(true) }, 1, 0, 0},
			{"drop a third time", func() error { return one.Drop(a, b) }, 2, 2, 0},
			{"accept one, and it stays", func() error { return one.Accept(a) }, 2, 1, 0},
			{"accept all, and it stays", one.AcceptAll, 2, 0, 0},
			{"drop with what stayed", func() error { return one.Drop(a) }, 2, 1, 0},
			{"it need not stay, but drops", func() error { return one.Linger(false) }, 2, 1, 0},
			{"it is to stay again", func() error { return one.Linger(true) }, 2, 1, 0},
			{"accept, and it stays again", func() error { return one.Accept(a) }, 2, 0, 0},
			{"it need not stay", func() error { return one.Linger(false) }, 1, 0, 0},
			{"it need not stay, twice", func() error { return one.Linger(false) }, 1, 0, 0},
		} {
			if err := step.do(); err != nil {
				t.Fatalf("%s: %v", step.title, err)
			}
			tables, err := conn.ListTables()
			if err != nil {
				t.Fatal(err)
			}
			if len(tables) != step.tables {
				t.Errorf("%s: %d tables, want %d", step.title, len(tables), step.tables)
			}
			for _, f := range []struct {
				fw   *nft.Firewall
				want int
			}{{one, step.one}, {two, step.two}} {
				got, err := f.fw.Dropped()
				if err != nil || len(got) != f.want {
					t.Errorf("%s: counters %v, %v; want %d", step.title, got, err, f.want)
				}
			}
		}
	})
}
