package server

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/results/store"
)

// liveView is what is shown of a run that goes on.
type liveView struct {
	Run     string
	Summary *store.Summary
	// Live is nil while nothing was written.
	Live *store.Live
	// Late says how old it is, where that is more than it should be.
	Late string
}

// lateAfter is from when on what is shown is said to be old. It is written every second.
const lateAfter = 5 * time.Second

// Clock is how long the load has been going on, and how long it is to last.
func (v *liveView) Clock() string {
	text := func(seconds float64) string { return duration.Text(time.Duration(seconds) * time.Second) }
	return text(v.Live.Elapsed) + " of " + text(v.Live.Total)
}

// Most is the end of the load, 1 before it has begun.
func (v *liveView) Most() float64 { return max(v.Live.Total, 1) }

func number(x float64) string { return strconv.FormatFloat(x, 'f', 0, 64) }

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
