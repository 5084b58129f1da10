package api

import "testing"

// Of two bodies that differ in one name, the one with a key twice is refused: else operations would be lost, or mixed of two.
func TestKeysOnce(t *testing.T) {
	for _, tc := range []struct {
		body string
		ok   bool
	}{
		{`{"ops":[{"op":"write","key":"a","value":"1"},{"op":"write","key":"a","value":"2"}]}`, true},
		{`{"ops":[{"op":"write","key":"a","value":"1"}],"ops":[{"op":"write","key":"b"}]}`, false},
		{`{"ops":[{"op":"write","key":"a","value":"1"}],"Ops":[{"op":"write","key":"b"}]}`, false},
		{`{"ops":[{"op":"write","key":"a","key":"b","value":"1"}]}`, false},
		{`{"ops":[{"op":"write","key":"op","value":"key"}]}`, true},
	} {
		if _, bad := parseTxn([]byte(tc.body), ""); (bad == nil) != tc.ok {
			t.Errorf("%s: %v", tc.body, bad)
		}
	}
}
