package wire

import "crypto/tls"

// Access is how one node is reached, and as whom.
type Access struct {
	// Addr is its host:port.
	Addr string
	// User and Password are empty where nobody asks who it is.
	User, Password string
	// TLS encrypts; nil does not.
	TLS *tls.Config
	// Life is that of the client who reaches it; nil has no end.
	Life *Life
}
