package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Listen opens a port on the loopback interface and refuses every other
// address.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("the address %q must be host:port, such as 127.0.0.1:8080: %w", address, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("the address %q is not of this machine alone: reports are served on 127.0.0.1, [::1] or localhost; copy the file that `lapse report` writes to show it elsewhere", address)
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("opening a port for reports: %w", err)
	}
	if a, ok := ln.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		_ = ln.Close()
		return nil, fmt.Errorf("%q leads to %s, which is not of this machine alone", address, ln.Addr())
	}
	return ln, nil
}

// Serve answers on ln until ctx is done, then lets open requests end, at most
// five seconds. It closes ln.
func Serve(ctx context.Context, ln net.Listener, out string, log *slog.Logger) error {
	s := &http.Server{Handler: Handler(out, log), ReadHeaderTimeout: 5 * time.Second}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	select {
	case err := <-done:
		return fmt.Errorf("serving reports: %w", err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := s.Shutdown(end)
	if err != nil {
		err = errors.Join(err, s.Close())
	}
	if served := <-done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("serving reports: %w", served))
	}
	return err
}

// Handler answers requests about the runs below out. Safe for concurrent use.
func Handler(out string, log *slog.Logger) http.Handler {
	h := &handler{out, log}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", h.list)
	mux.HandleFunc("GET /runs/{id}", h.report)
	mux.HandleFunc("GET /runs/{id}/live", h.live)
	mux.HandleFunc("GET /suites/{id}", h.suite)
	mux.HandleFunc("GET /compare", h.compare)
	return guard(mux)
}
