package owner

import "testing"

// FuzzParseOwner: an owner that is read is written as one that names the same process.
func FuzzParseOwner(f *testing.F) {
	for _, text := range []string{"boot/space/1/2", "///", "a/b/0/c", "a/b/-1/c", "a/b/+7/c", "a/b/99999999999999999999/c", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(o.String()); err != nil || again != o {
			t.Errorf("%q is %v, and then %v: %v", text, o, again, err)
		}
	})
}
