package history

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

const (
	// maxNames bounds the distinct errors, the distinct notes and the distinct
	// texts of a recorded history, each for itself: a database that puts a
	// fresh number into every error must not fill the memory.
	maxNames = 10_000
	// maxNameLen bounds an error or note in bytes.
	maxNameLen = 512
	// maxProseLen bounds a sentence of a fault or event in bytes.
	maxProseLen = 4096
	// maxTextLen is from what length a text value is kept as its beginning and
	// its digest.
	maxTextLen = 4096
	// maxCached bounds what a client remembers without asking the interner.
	maxCached = 1024
)

// What stands for names beyond maxNames.
const (
	manyErrors = "(one of more than 10000 distinct errors)"
	manyNotes  = "(one of more than 10000 distinct notes)"
	manyTexts  = "(one of more than 10000 distinct texts)"
)

type nameKind int

const (
	nameError nameKind = iota
	nameNote
)

// interner is the recorder's table of strings and texts. It is asked only for
// what a client's own cache does not know.
type interner struct {
	mu      sync.Mutex
	ids     map[string]int32
	strings []string
	count   [2]int
	textIDs map[string]int32
	texts   []string
}

func (n *interner) init() {
	n.ids = map[string]int32{}
	n.textIDs = map[string]int32{}
}

// name is the index of the cleaned s.
func (n *interner) name(s string, kind nameKind) int32 {
	s = cleanText(s, maxNameLen)
	if s == "" {
		return -1
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if id, ok := n.ids[s]; ok {
		return id
	}
	if n.count[kind] >= maxNames {
		s = [2]string{manyErrors, manyNotes}[kind]
		if id, ok := n.ids[s]; ok {
			return id
		}
	}
	n.count[kind]++
	id := int32(len(n.strings))
	n.strings = append(n.strings, s)
	n.ids[s] = id
	return id
}

// ShortText is the text value s as a recorded history has it: a long one is its beginning and its digest, so that
// two that differ stay different.
func ShortText(s string) string {
	if len(s) <= maxTextLen {
		return s
	}
	return fmt.Sprintf("%s...(%d bytes, SHA-256 %x)", s[:64], len(s), sha256.Sum256([]byte(s)))
}

// text is the index of the text value s.
func (n *interner) text(s string) int32 {
	s = ShortText(s)
	n.mu.Lock()
	defer n.mu.Unlock()
	if id, ok := n.textIDs[s]; ok {
		return id
	}
	if len(n.texts) >= maxNames {
		s = manyTexts
		if id, ok := n.textIDs[s]; ok {
			return id
		}
	}
	s = strings.Clone(s)
	id := int32(len(n.texts))
	n.texts = append(n.texts, s)
	n.textIDs[s] = id
	return id
}

// since returns the strings and texts from the given indexes on. The slices are
// only ever appended to, so they may be read without the lock.
func (n *interner) since(stringsAt, textsAt int) (strings, texts []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.strings[stringsAt:], n.texts[textsAt:]
}

// nameCache is one client's memory of the interner, used under its lock.
type nameCache map[string]int32

// id is the index of s, -1 for "". It does not allocate for what it has seen.
func (c *nameCache) id(s string, n *interner, kind nameKind) int32 {
	if s == "" {
		return -1
	}
	if id, ok := (*c)[s]; ok {
		return id
	}
	id := n.name(s, kind)
	if len(*c) < maxCached && len(s) <= maxNameLen {
		if *c == nil {
			*c = nameCache{}
		}
		(*c)[strings.Clone(s)] = id
	}
	return id
}

// Brief is an untrusted text as a history has errors and notes, safe to keep and to print: at most 512 bytes of valid
// UTF-8 without control characters.
func Brief(s string) string { return cleanText(s, maxNameLen) }

// cleanText makes an untrusted text safe to keep and to print: valid UTF-8, no
// control or formatting characters (each run of them becomes a space), at most
// limit bytes.
func cleanText(s string, limit int) string {
	if isClean(s) && len(s) <= limit {
		return s
	}
	const more = "..."
	var b strings.Builder
	gap := false
	for _, r := range s {
		if !cleanRune(r) {
			gap = true
			continue
		}
		if b.Len()+1+utf8.RuneLen(r)+len(more) > limit {
			b.WriteString(more)
			break
		}
		if gap && b.Len() > 0 {
			b.WriteByte(' ')
		}
		gap = false
		b.WriteRune(r)
	}
	return b.String()
}

// isClean tells whether cleanText would leave s as it is, but for its length.
func isClean(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			if !utf8.ValidString(s) {
				return false
			}
			for _, r := range s {
				if !cleanRune(r) {
					return false
				}
			}
			return true
		}
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// cleanRune refuses control characters, and the formatting ones that can turn
// the direction of what stands around them.
func cleanRune(r rune) bool {
	return !unicode.IsControl(r) && !unicode.Is(unicode.Cf, r) &&
		r != '\u2028' && r != '\u2029'
}

// cleanName makes an untrusted name safe to print without making two names one.
func cleanName(s string) string {
	if isClean(s) {
		return s
	}
	return strconv.Quote(s)
}

// cleanFault is f with clean sentences.
func cleanFault(f Fault) Fault {
	f.Kind = cleanText(f.Kind, maxNameLen)
	f.Name = cleanText(f.Name, maxProseLen)
	f.Error = cleanText(f.Error, maxProseLen)
	f.Nodes = cleanAll(f.Nodes)
	f.Cuts = cleanAll(f.Cuts)
	f.Proof = cleanAll(f.Proof)
	if f.Groups != nil {
		groups := make([][]string, len(f.Groups))
		for i, g := range f.Groups {
			groups[i] = cleanAll(g)
		}
		f.Groups = groups
	}
	return f
}

// cleanEvent is e with clean sentences.
func cleanEvent(e Event) Event {
	e.Kind = cleanText(e.Kind, maxNameLen)
	e.Text = cleanText(e.Text, maxProseLen)
	return e
}

// cleanAll copies list, so that a caller who changes it later does not change
// the history.
func cleanAll(list []string) []string {
	if list == nil {
		return nil
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = cleanText(s, maxProseLen)
	}
	return out
}
