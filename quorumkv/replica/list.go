package replica

import (
	"sync"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/storage"
	"github.com/lapse-test/lapse/quorumkv/tenant"
)

// MaxListed bounds the keys of a page.
const MaxListed = 1000

// Listing asks for a page of the keys of a tenant: up to Limit of them, after the key After, in the order of bytes.
type Listing struct {
	Tenant, After string
	Limit         int
	// Part says that only keys from From on and below To are wanted, each without a bound where it is empty, and without a Tenant those of none.
	Part     bool
	From, To string
}

// Bounds are between which keys, as they are stored, the page lies. The first bound is inside, the second is not, and empty where there is none.
func (l Listing) Bounds() (low, high string) {
	if !l.Part {
		return tenant.Range(l.Tenant, l.After)
	}
	from := l.From
	if l.After != "" {
		from = max(from, l.After+"\x00")
	}
	return tenant.Between(l.Tenant, from, l.To)
}

// List is the page of what this node holds, under the keys as they are stored, tombstones among them.
func (r *Replica) List(l Listing) (storage.Page, error) {
	low, high := l.Bounds()
	if l.Part && l.Tenant == "" {
		return r.store.RangeWithout(low, high, l.Limit, tenant.Skip)
	}
	if r.defects.Has(defect.TenantForgottenInList) {
		high = ""
	}
	return r.store.Range(low, high, l.Limit)
}

// ListAt is List for a request of an epoch.
func (r *Replica) ListAt(epoch uint64, l Listing) (storage.Page, error) {
	leave, err := r.enter(epoch, false)
	if err != nil {
		return storage.Page{}, err
	}
	defer leave()
	return r.List(l)
}

// Backup is List of a tenant's backup.
func (r *Replica) Backup(l Listing) (storage.Page, error) {
	low, high := tenant.Range(l.Tenant, l.After)
	if r.defects.Has(defect.TenantForgottenInBackup) {
		high = ""
		if l.After == "" {
			low = ""
		}
	}
	return r.store.Range(low, high, l.Limit)
}

// names is the index of the defect tenant-forgotten-in-replica-read: of each name the key that was applied last, whichever tenant it is of.
type names struct {
	mu   sync.Mutex
	last map[string]string
}

// applied notes that the record of a key was taken.
func (n *names) applied(scoped string) {
	of, name := tenant.Split(scoped)
	if of == "" {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.last == nil {
		n.last = map[string]string{}
	}
	n.last[name] = scoped
}

// find is what the index has for a key of a tenant; for others it is the key.
func (n *names) find(scoped string) string {
	of, name := tenant.Split(scoped)
	n.mu.Lock()
	defer n.mu.Unlock()
	if found, ok := n.last[name]; ok && of != "" {
		return found
	}
	return scoped
}
