package leaderless

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lapse-test/lapse/quorumkv/engine"
)

// Register implements engine.Engine.
func (e *Engine) Register(r prometheus.Registerer) {
	st, ae := e.coord.Stats(), e.sync.Stats()
	engine.RegisterCounters(r, map[string]engine.Metric{
		"writes_acknowledged_total":    {Help: "Writes that W replicas hold.", Read: st.Writes.Load},
		"writes_not_written_total":     {Help: "Failed writes that are certainly nowhere.", Read: st.WritesNotWritten.Load},
		"writes_perhaps_written_total": {Help: "Failed writes that some replica may hold.", Read: st.WritesPerhapsWritten.Load},
		"reads_total":                  {Help: "Reads answered.", Read: st.Reads.Load},
		"reads_failed_total":           {Help: "Reads that too few replicas answered.", Read: st.ReadsFailed.Load},
		"range_reads_total":            {Help: "Pages of ranges of keys that were read.", Read: e.ranges.reads.Load},
		"range_nodes_asked_total":      {Help: "Nodes that were asked for these, one for each page.", Read: e.ranges.asked.Load},
		"repairs_blocking_total":       {Help: "Replicas brought up to date before a read was answered.", Read: st.BlockingRepairs.Load},
		"repairs_async_total":          {Help: "Replicas sent a newer record after a read was answered.", Read: st.AsyncRepairs.Load},
		"repairs_skipped_total":        {Help: "Repairs after the answer that were skipped, too many being under way.", Read: st.RepairsSkipped.Load},
		"hints_stored_total":           {Help: "Writes kept for replicas that missed them.", Read: st.HintsStored.Load},
		"hints_delivered_total":        {Help: "Hints that their replicas have taken.", Read: st.HintsDelivered.Load},
		"anti_entropy_exchanges_total": {Help: "Comparisons with another replica that this node has begun.", Read: ae.Exchanges.Load},
		"anti_entropy_sent_total":      {Help: "Records sent to other replicas by anti-entropy.", Read: ae.Sent.Load},
		"anti_entropy_taken_total":     {Help: "Records taken from other replicas by anti-entropy.", Read: ae.Taken.Load},
		"anti_entropy_dropped_total":   {Help: "Messages of anti-entropy for which there was no room.", Read: ae.Dropped.Load},
		"tombstones_purged_total":      {Help: "Tombstones removed because they were older than the grace.", Read: ae.Purged.Load},
		"hints_refused_total":          {Help: "Hints that could not be kept.", Read: st.HintsRefused.Load},
		"peer_requests_refused_total":  {Help: "Peers' requests refused because too many were being served.", Read: e.peers.Refused},
		"records_applied_total":        {Help: "Records that this node's replica took.", Read: func() int64 { n, _ := e.store.Counts(); return n }},
		"records_ignored_total":        {Help: "Records older than what the replica held.", Read: func() int64 { _, n := e.store.Counts(); return n }},
	})
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
