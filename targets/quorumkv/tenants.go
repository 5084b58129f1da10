package quorumkv

import (
	"context"
	"strings"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// listed is how many keys a scan asks for.
const listed = 100

// place is whose key k is and under which name: the client that asks as its tenant, and the name in the store.
func (s *System) place(conn *client.Client, k history.Key) (as *client.Client, key string) {
	tenant, key := s.name(k)
	return asTenant(conn, tenant), key
}

// asTenant is a client that asks as a tenant, conn itself for none.
func asTenant(conn *client.Client, tenant string) *client.Client {
	if tenant == "" {
		return conn
	}
	return conn.As(tenant)
}

// name is what the store has for a key: its tenant, empty for none, and its name there. In an external cluster the tenants are a run's own too: lists have
// nothing that others wrote.
func (s *System) name(k history.Key) (tenant, key string) {
	t := s.cfg.Tenants
	k = s.cfg.Fields.Map(k)
	if t == 0 {
		return "", s.prefix + keyName(k, s.cfg.Options)
	}
	return s.prefix + history.TenantName(t.Tenant(k)), s.prefix + keyName(t.Local(k), s.cfg.Options)
}

// list does scans and backups of the tenant of a key: a page of those after it, or all that the node has.
func (c *session) list(ctx context.Context, conn *client.Client, key string, txn *history.Txn) (note string, err error) {
	var page protocol.Listing
	if txn.Mops[0].Func == history.Backup {
		page, err = conn.Backup(ctx)
	} else {
		page, err = conn.Keys(ctx, key, listed, c.level())
	}
	if err != nil {
		return "", err
	}
	values := make([]history.Value, len(page.Keys))
	for i := range page.Keys {
		values[i] = c.value(&page.Keys[i])
	}
	txn.SetList(0, values)
	return "answered by " + strings.Join(page.Answered, " "), nil
}
