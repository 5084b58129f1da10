package drivers

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"

	"github.com/lapse-test/lapse/targets"
)

// The variables of the environment that have the token, or name the file that has it.
const (
	TokenVariable     = "LAPSE_DRIVER_TOKEN"
	TokenFileVariable = "LAPSE_DRIVER_TOKEN_FILE"
)

// leastToken is how long a token has to be: strangers can try as many as they like.
const leastToken = 16

// Token is the secret by which a run and its drivers know each other. It is never sent.
type Token struct{ secret []byte }

// ReadToken reads the token from file or, where that is empty, from the environment. Its errors are
// *targets.UsageError and repeat nothing of it.
func ReadToken(file string) (Token, error) {
	if file == "" {
		file = os.Getenv(TokenFileVariable)
	}
	secret := []byte(os.Getenv(TokenVariable))
	from := "the variable " + TokenVariable
	if file != "" {
		from = "the file " + file
		var err error
		if secret, err = os.ReadFile(file); err != nil {
			return Token{}, targets.Usagef("the token that a run and its drivers share: %v", err)
		}
	}
	secret = bytes.TrimSpace(secret)
	switch {
	case len(secret) == 0 && file == "":
		return Token{}, targets.Usagef("a run and its drivers share a token: put the same text of %d characters and more into the variable %s of both, or name a file with it in %s",
			leastToken, TokenVariable, TokenFileVariable)
	case len(secret) < leastToken:
		return Token{}, targets.Usagef("the token in %s has %d characters: it must have at least %d", from, len(secret), leastToken)
	}
	return Token{secret}, nil
}

// The roles that a proof is for, so that none can be sent back to whom it came from.
const (
	roleDriver      = "driver"
	roleCoordinator = "coordinator"
)

// proof shows that whoever has role has the token, for this channel and these two nonces.
func (t Token) proof(role string, channel, theirs, own []byte) []byte {
	sum := hmac.New(sha256.New, t.secret)
	for _, part := range [][]byte{[]byte(role), channel, theirs, own} {
		fmt.Fprintf(sum, "%d:", len(part))
		sum.Write(part)
	}
	return sum.Sum(nil)
}

// proves checks a proof, in constant time.
func (t Token) proves(mac []byte, role string, channel, theirs, own []byte) bool {
	return hmac.Equal(mac, t.proof(role, channel, theirs, own))
}

// nonce is a number that is used once.
func nonce() []byte {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return b
}
