package peer

import (
	"reflect"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/replica"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

func TestListingRoundTrip(t *testing.T) {
	for _, l := range []replica.Listing{{}, {Tenant: "a", After: "k", Limit: 1}, {Tenant: "ä", Limit: replica.MaxListed}} {
		if epoch, got, err := parseListing(appendListing(nil, 300, l)); err != nil || epoch != 300 || got != l {
			t.Errorf("%+v reads back as %+v, %v", l, got, err)
		}
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "no limit": {7, 1, 'a', 0}, "something after it": append(appendListing(nil, 7, replica.Listing{}), 1),
		"a page of too many": appendListing(nil, 7, replica.Listing{Limit: replica.MaxListed + 1}),
	} {
		if _, l, err := parseListing(b); err == nil {
			t.Errorf("%s reads as %+v", name, l)
		}
	}
}

func somePage() storage.Page {
	return storage.Page{More: true, Items: []storage.Item{
		{Key: "a\x1fk", Record: someRecord()},
		{Key: "a\x1fl", Record: record.Record{Version: record.Version{Time: 1, Node: "n"}, Tombstone: true}},
	}}
}

func TestPageRoundTrip(t *testing.T) {
	for _, p := range []storage.Page{{}, somePage()} {
		if got, err := ParsePage(AppendPage(nil, p)); err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%+v reads back as %+v, %v", p, got, err)
		}
	}
}

func FuzzParsePage(f *testing.F) {
	f.Add(AppendPage(nil, somePage()))
	f.Add(AppendPage(nil, storage.Page{}))
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePage(b)
		if err != nil {
			return
		}
		if again, err := ParsePage(AppendPage(nil, p)); err != nil || !reflect.DeepEqual(again, p) {
			t.Fatalf("%+v reads back as %+v, %v", p, again, err)
		}
	})
}
