//go:build !linux

package maventest

import "testing"

// hideJavas cannot hide anything here.
func hideJavas(t *testing.T) {
	t.Helper()
	t.Fatal("the Javas of this machine cannot be hidden: this test needs Linux")
}
