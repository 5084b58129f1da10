package peer

import (
	"encoding/binary"

	"github.com/lapse-test/lapse/quorumkv/internal/wire"
	"github.com/lapse-test/lapse/quorumkv/replica"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

// appendListing appends the body of a request for a page.
func appendListing(b []byte, epoch uint64, l replica.Listing) []byte {
	b = binary.AppendUvarint(b, epoch)
	b = wire.AppendText(wire.AppendText(b, l.Tenant), l.After)
	part := byte(0)
	if l.Part {
		part = 1
	}
	b = wire.AppendText(wire.AppendText(append(b, part), l.From), l.To)
	return binary.AppendUvarint(b, uint64(l.Limit))
}

// parseListing reads what appendListing wrote. Nothing of the result lies in b.
func parseListing(b []byte) (uint64, replica.Listing, error) {
	c := wire.NewCursor(b)
	epoch := c.Number()
	l := replica.Listing{Tenant: c.Text(), After: c.Text(), Part: c.Byte() != 0, From: c.Text(), To: c.Text()}
	n := c.Number()
	if n > replica.MaxListed {
		c.Fail("a page of too many keys")
	}
	l.Limit = int(n)
	return epoch, l, c.End()
}

// AppendPage appends a page as nodes send it.
func AppendPage(b []byte, p storage.Page) []byte {
	more := byte(0)
	if p.More {
		more = 1
	}
	return storage.AppendItems(append(b, more), p.Items)
}

// ParsePage reads what AppendPage wrote. Nothing of the result lies in b.
func ParsePage(b []byte) (storage.Page, error) {
	c := wire.NewCursor(b)
	p := storage.Page{More: c.Byte() != 0}
	p.Items = storage.ReadItems(&c)
	return p, c.End()
}
