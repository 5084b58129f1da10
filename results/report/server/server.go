// Package server shows the stored runs of one directory in a browser on the
// same machine: a list, each run's report, how one goes on, and two runs side by side. It serves
// nothing else: no files, no listing of directories, no other machine.
package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/a-h/templ"

	"github.com/lapse-test/lapse/results/compare"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/report"
	"github.com/lapse-test/lapse/results/store"
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

type handler struct {
	out string
	log *slog.Logger
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

const listPolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// guard sets the headers of every answer, and refuses requests under a foreign
// name: a page elsewhere could make its name lead here.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Content-Security-Policy", listPolicy)
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("X-Frame-Options", "DENY")
		head.Set("Referrer-Policy", "no-referrer")
		head.Set("Cross-Origin-Resource-Policy", "same-origin")
		head.Set("Cross-Origin-Opener-Policy", "same-origin")
		head.Set("Cache-Control", "no-store")
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "reports are served under 127.0.0.1, [::1] or localhost only", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// find is the run with exactly this identifier among those that are listed, so
// that no text of a request is ever part of a path.
func (h *handler) find(id string) (store.Dir, error) {
	dirs, err := store.List(h.out)
	if err != nil {
		return store.Dir{}, err
	}
	i := slices.IndexFunc(dirs, func(d store.Dir) bool { return d.ID == id })
	if i < 0 {
		return store.Dir{}, fs.ErrNotExist
	}
	if !inside(dirs[i], store.FileRun, store.FilePlan, store.FileHistory) {
		return store.Dir{}, fs.ErrNotExist
	}
	return dirs[i], nil
}

// inside tells whether the files are not links, which could lead out of a directory.
func inside(d store.Dir, files ...string) bool {
	for _, name := range files {
		fi, err := os.Lstat(d.File(name))
		if err == nil && !fi.Mode().IsRegular() {
			return false
		}
	}
	return true
}

// suites are the stored results of suites, the newest first. What is a link, or
// cannot be read, is none.
func (h *handler) suites() []*gate.SuiteResult {
	top := filepath.Join(h.out, store.DirSuites)
	entries, err := os.ReadDir(top)
	if err != nil {
		return nil // no suite was run
	}
	var out []*gate.SuiteResult
	for _, e := range entries {
		d := store.Dir{Path: filepath.Join(top, e.Name()), ID: e.Name()}
		if !e.IsDir() || !inside(d, store.FileSuite) {
			continue
		}
		s := &gate.SuiteResult{}
		if err := d.ReadJSON(store.FileSuite, s); err != nil {
			continue
		}
		s.ID = e.Name()
		out = append(out, s)
	}
	slices.SortStableFunc(out, func(a, b *gate.SuiteResult) int { return b.Started.Compare(a.Started) })
	return out
}

func (h *handler) suite(w http.ResponseWriter, r *http.Request) {
	all := h.suites()
	i := slices.IndexFunc(all, func(s *gate.SuiteResult) bool { return s.ID == r.PathValue("id") })
	if i < 0 {
		h.problem(w, r, fs.ErrNotExist)
		return
	}
	var page bytes.Buffer
	source := &report.SuiteSource{Result: all[i], Open: h.find, Link: func(run string) string { return "/runs/" + url.PathEscape(run) }}
	if err := report.RenderSuite(&page, source); err != nil {
		h.problem(w, r, err)
		return
	}
	w.Header().Set("Content-Security-Policy", report.SuitePolicy()+"; frame-ancestors 'none'")
	h.send(w, &page)
}

func (h *handler) problem(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		http.Error(w, "there is no such run or suite; / lists those there are", http.StatusNotFound)
		return
	}
	h.log.Warn("a page cannot be shown", "page", r.URL.Path, "error", err)
	http.Error(w, "this page cannot be shown: "+err.Error(), http.StatusInternalServerError)
}

func (h *handler) report(w http.ResponseWriter, r *http.Request) {
	dir, err := h.find(r.PathValue("id"))
	if err != nil {
		h.problem(w, r, err)
		return
	}
	var page bytes.Buffer
	if err := report.Write(&page, dir); err != nil {
		h.problem(w, r, err)
		return
	}
	w.Header().Set("Content-Security-Policy", report.Policy()+"; frame-ancestors 'none'")
	h.send(w, &page)
}

// listed is the content of the first page.
type listed struct {
	Suites []*gate.SuiteResult
	Runs   []store.Summary
}

func (h *handler) list(w http.ResponseWriter, r *http.Request) {
	dirs, err := store.List(h.out)
	if err != nil {
		h.problem(w, r, err)
		return
	}
	slices.Reverse(dirs)
	list := listed{Suites: h.suites()}
	for _, d := range dirs {
		if !inside(d, store.FileRun, store.FilePlan, store.FileHistory) {
			continue
		}
		s := store.Summary{}
		if err := d.ReadJSON(store.FileRun, &s); err != nil {
			h.log.Warn("a run cannot be listed", "run", d.ID, "error", err)
		}
		s.Run, s.State = d.ID, d.StateOf(&s)
		list.Runs = append(list.Runs, s)
	}
	h.page(w, r, listPage(list))
}

func (h *handler) compare(w http.ResponseWriter, r *http.Request) {
	var sides [2]*compare.Side
	for i, name := range []string{"a", "b"} {
		dir, err := h.find(r.URL.Query().Get(name))
		if err == nil {
			sides[i], err = compare.Load(dir)
		}
		if err != nil {
			h.problem(w, r, err)
			return
		}
	}
	h.page(w, r, comparePage(compare.Between(sides[0], sides[1])))
}

func (h *handler) page(w http.ResponseWriter, r *http.Request, c templ.Component) {
	var page bytes.Buffer
	if err := c.Render(r.Context(), &page); err != nil {
		h.problem(w, r, err)
		return
	}
	h.send(w, &page)
}

func (h *handler) send(w http.ResponseWriter, page *bytes.Buffer) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	// The reader may have left: nothing to do about it.
	_, _ = page.WriteTo(w)
}
