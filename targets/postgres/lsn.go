package postgres

import "fmt"

// lsn is a position in the write-ahead log, in bytes.
type lsn uint64

// String is the position as PostgreSQL spells it, such as 0/3000148.
func (l lsn) String() string { return fmt.Sprintf("%X/%X", uint32(l>>32), uint32(l)) }

// parseLSN is the inverse of lsn.String; the empty text, for NULL, is 0.
func parseLSN(s string) (lsn, error) {
	if s == "" {
		return 0, nil
	}
	var hi, lo uint32
	var rest string
	// The third verb must find nothing.
	if n, _ := fmt.Sscanf(s, "%X/%X%s", &hi, &lo, &rest); n != 2 {
		return 0, fmt.Errorf("%q is no LSN, such as 0/3000148", s)
	}
	return lsn(hi)<<32 | lsn(lo), nil
}

// The write-ahead log is a sequence of pages with a header each, a longer one
// where a segment (a file) begins.
const (
	walPage        = 8 << 10
	walSegment     = 16 << 20
	walShortHeader = 24
	walLongHeader  = 40
)

// end is the position where the last record before l ends. An insert position
// that is only a page's header away from the end of the page before is said to be
// behind that header, while a standby that has replayed everything says that it
// is before it: waiting for l as it is would then last until something else is
// written.
func (l lsn) end() lsn {
	switch {
	case l%walSegment == walLongHeader:
		return l - walLongHeader
	case l%walPage == walShortHeader && l%walSegment > walPage:
		return l - walShortHeader
	}
	return l
}
