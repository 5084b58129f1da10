package server

import (
	"net/http"
	"net/url"
	"time"

	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/results/store"
)

// live shows a run that goes on, from what it writes into its directory; one that is over
// has its report.
func (h *handler) live(w http.ResponseWriter, r *http.Request) {
	dir, err := h.find(r.PathValue("id"))
	v := &liveView{Run: dir.ID, Summary: &store.Summary{}}
	if err == nil {
		err = dir.ReadJSON(store.FileRun, v.Summary)
	}
	if err != nil {
		h.problem(w, r, err)
		return
	}
	if dir.StateOf(v.Summary) != store.StateRunning {
		http.Redirect(w, r, "/runs/"+url.PathEscape(dir.ID), http.StatusSeeOther)
		return
	}
	l := &store.Live{}
	// It is not there before the run's first second, and a damaged one is as good as none.
	if inside(dir, store.FileLive) && dir.ReadJSON(store.FileLive, l) == nil && l.Schema == store.LiveSchema {
		v.Live = l
		if age := time.Since(l.Updated); age > lateAfter {
			v.Late = duration.Text(age.Round(time.Second))
		}
	}
	h.page(w, r, livePage(v))
}
