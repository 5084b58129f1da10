// Package results is the door to what lapse says about a run. It has rooms, each of
// which knows only those above it:
//
//   - figures: what a history measures: rates, latencies, outages, partitions of keys;
//   - verdict: what the checkers said, with the evidence behind it, and the exit codes;
//   - store: the directories of runs and what is in them, and which of them may go;
//   - gate: what a suite came to, judged against a policy and what is known;
//   - text: all of that as people read it on a terminal, and the live progress of a run;
//   - violations: the folder of each violation, for people and for other programs;
//   - picture, svg: the pictures of witnesses; compare: two runs side by side;
//   - report: the one-file HTML reports of runs and of suites, and their server.
package results
