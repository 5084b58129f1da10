package launch

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
)

// NewPassword is one that nobody guesses, of letters and digits, for a user of servers that lapse makes. Errors are those of the
// system's source of chance.
func NewPassword() (string, error) {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("making a password: %w", err)
	}
	return hex.EncodeToString(b), nil
}
