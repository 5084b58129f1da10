package leaderless

import "github.com/prometheus/client_golang/prometheus"

// Register implements engine.Engine.
func (e *Engine) Register(r prometheus.Registerer) {
	st, ae := e.coord.Stats(), e.sync.Stats()
	for name, c := range map[string]struct {
		help string
		read func() int64
	}{
		"writes_acknowledged_total":    {"Writes that W replicas hold.", st.Writes.Load},
		"writes_not_written_total":     {"Failed writes that are certainly nowhere.", st.WritesNotWritten.Load},
		"writes_perhaps_written_total": {"Failed writes that some replica may hold.", st.WritesPerhapsWritten.Load},
		"reads_total":                  {"Reads answered.", st.Reads.Load},
		"reads_failed_total":           {"Reads that too few replicas answered.", st.ReadsFailed.Load},
		"repairs_blocking_total":       {"Replicas brought up to date before a read was answered.", st.BlockingRepairs.Load},
		"repairs_async_total":          {"Replicas sent a newer record after a read was answered.", st.AsyncRepairs.Load},
		"repairs_skipped_total":        {"Repairs after the answer that were skipped, too many being under way.", st.RepairsSkipped.Load},
		"hints_stored_total":           {"Writes kept for replicas that missed them.", st.HintsStored.Load},
		"hints_delivered_total":        {"Hints that their replicas have taken.", st.HintsDelivered.Load},
		"anti_entropy_exchanges_total": {"Comparisons with another replica that this node has begun.", ae.Exchanges.Load},
		"anti_entropy_sent_total":      {"Records sent to other replicas by anti-entropy.", ae.Sent.Load},
		"anti_entropy_taken_total":     {"Records taken from other replicas by anti-entropy.", ae.Taken.Load},
		"anti_entropy_dropped_total":   {"Messages of anti-entropy for which there was no room.", ae.Dropped.Load},
		"tombstones_purged_total":      {"Tombstones removed because they were older than the grace.", ae.Purged.Load},
		"hints_refused_total":          {"Hints that could not be kept.", st.HintsRefused.Load},
		"peer_requests_refused_total":  {"Peers' requests refused because too many were being served.", e.peers.Refused},
		"records_applied_total":        {"Records that this node's replica took.", func() int64 { n, _ := e.store.Counts(); return n }},
		"records_ignored_total":        {"Records older than what the replica held.", func() int64 { _, n := e.store.Counts(); return n }},
	} {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "quorumkv_" + name, Help: c.help},
			func() float64 { return float64(c.read()) }))
	}
	e.gauges(r)
	e.links.Register(r)
}

func (e *Engine) gauges(r prometheus.Registerer) {
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "quorumkv_background_tasks",
		Help: "Messages to replicas and repairs that are under way."},
		func() float64 { return float64(e.coord.Stats().Background.Load()) }))
	for name := range e.links {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "quorumkv_hints", ConstLabels: prometheus.Labels{"peer": name},
			Help: "Writes that a peer has missed and this node will deliver."},
			func() float64 { return float64(e.store.HintCount(name)) }))
	}
}
