package server

import (
	"bytes"
	"io/fs"
	"net/http"
	"net/url"
	"slices"

	"github.com/lapse-test/lapse/results/compare"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/report"
	"github.com/lapse-test/lapse/results/store"
)

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
