// Package server shows the stored runs of one directory in a browser on the
// same machine: a list, each run's report, how one goes on, and two runs side by side. It serves
// nothing else: no files, no listing of directories, no other machine.
package server

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/a-h/templ"

	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/store"
)

type handler struct {
	out string
	log *slog.Logger
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

func (h *handler) problem(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		h.refuse(w, r, http.StatusNotFound, "There is no such run or suite.")
		return
	}
	h.log.Warn("a page cannot be shown", "page", r.URL.Path, "error", err)
	h.refuse(w, r, http.StatusInternalServerError, err.Error())
}

// refuse answers with a page that says why there is no other.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, code int, why string) {
	var page bytes.Buffer
	if err := problemPage(why).Render(r.Context(), &page); err != nil {
		http.Error(w, why, code)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = page.WriteTo(w) // as send has it
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
