// Package maven makes Java software be there that a target's folder describes
// with two files: a pom.xml, and the SHA-256 checksums of every file that it
// resolves to. The ordinary Maven client (mvn, 3.6 or newer) fetches it, with the
// user's own settings and mirrors, into the cache of lapse, once a user.
//
// A fetched directory counts only when it is complete: it is made beside its
// place and renamed. Every use compares all its files with the checksums (70 MB
// take about 0.2 s), so that an altered or broken file never runs. When the
// software is there, no network and no Maven are needed.
package maven
