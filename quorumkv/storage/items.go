package storage

import (
	"encoding/binary"

	"github.com/lapse-test/lapse/quorumkv/internal/wire"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// AppendItems appends items as nodes send them: their number, and of each its key and record.
func AppendItems(b []byte, items []Item) []byte {
	b = binary.AppendUvarint(b, uint64(len(items)))
	var enc []byte
	for _, i := range items {
		enc = i.Record.AppendTo(enc[:0])
		b = wire.AppendText(wire.AppendText(b, i.Key), enc)
	}
	return b
}

// ReadItems reads what AppendItems wrote; what is wrong with it is the cursor's failure.
// Nothing of the result lies in what the cursor reads.
func ReadItems(c *wire.Cursor) (items []Item) {
	c.Each(func() {
		i := Item{Key: c.Text()}
		var err error
		if i.Record, err = record.Parse(c.Bytes()); err != nil {
			c.Fail(err.Error())
			return
		}
		items = append(items, i)
	})
	return items
}
