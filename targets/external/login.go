package external

import (
	"net"
	"os"
	"strings"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/wire"
)

// Login names the variables of the environment that say who lapse is to an external
// cluster. Credentials come from nowhere else, because flags and suite files are stored
// and shown.
type Login struct {
	// User and Password name the variables that have them.
	User, Password string
	// PasswordFile names the variable with the path of a file that has the password, for
	// where Password is empty.
	PasswordFile string
	// Alone: a password without a user means something there.
	Alone bool
}

// LoginOf is the Login whose variables are LAPSE_<NAME>_USER, _PASSWORD and _PASSWORD_FILE.
func LoginOf(target string) Login {
	prefix := "LAPSE_" + strings.ToUpper(target)
	return Login{User: prefix + "_USER", Password: prefix + "_PASSWORD", PasswordFile: prefix + "_PASSWORD_FILE"}
}

// OrPassword is l where a password without a user means something.
func (l Login) OrPassword() Login {
	l.Alone = true
	return l
}

// Set is the way out for somebody whom nobody knows: which variables to set.
func (l Login) Set() string {
	return "set " + l.User + ", and " + l.Password + " or a file with it by " + l.PasswordFile
}

// See is the way out for somebody who is not let in: which variables may be wrong.
func (l Login) See() string {
	return "see " + l.User + ", and " + l.Password + " or " + l.PasswordFile
}

// Accesses are how each of the nodes at these addresses is reached, with the credentials
// of the environment and the options of TLSOptions. Its errors are *targets.UsageError.
func (l Login) Accesses(options map[string]string, at []string) ([]wire.Access, error) {
	user, password, err := l.Read()
	if err != nil {
		return nil, err
	}
	out := make([]wire.Access, len(at))
	for i, addr := range at {
		if out[i], err = Anonymous(options, addr); err != nil {
			return nil, err
		}
		out[i].User, out[i].Password = user, password
	}
	return out, nil
}

// Anonymous is how a node at an address, host:port, is reached with the options of TLSOptions by
// somebody who does not say who they are. Its errors are *targets.UsageError, or the address is none.
func Anonymous(options map[string]string, addr string) (a wire.Access, err error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return a, err
	}
	a.Addr = addr
	a.TLS, err = TLS(options, host)
	return a, err
}

// Read returns the user and the password that the variables have: two empty texts where none is set. Its errors are
// *targets.UsageError and have no secret.
func (l Login) Read() (user, password string, err error) {
	user, password = os.Getenv(l.User), os.Getenv(l.Password)
	if path := os.Getenv(l.PasswordFile); path != "" && password == "" {
		b, err := os.ReadFile(path)
		if err != nil {
			return "", "", targets.Usagef("%s: %v", l.PasswordFile, err)
		}
		password = strings.TrimRight(string(b), "\r\n")
	}
	if user != "" && password == "" {
		return "", "", targets.Usagef("%s goes with a password: set %s, or name a file with it by %s", l.User, l.Password, l.PasswordFile)
	}
	if user == "" && password != "" && !l.Alone {
		return "", "", targets.Usagef("%s goes with a user: set %s", l.Password, l.User)
	}
	return user, password, nil
}
