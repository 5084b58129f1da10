// Package share writes parts of a whole in the one format that everything uses which
// people read: in per cent, without zeros at the end.
package share

import (
	"math"
	"strconv"
	"strings"
)

// The digits that a share has: Figure of what was counted, Estimate of what was
// estimated from a sample, whose further digits say nothing.
const (
	Figure   = 4
	Estimate = 2
)

// most is how many digits behind the point there are at most.
const most = 6

// Text is part, from 0 to 1, with so many significant digits: "71.02 %", "0.32 %". What is
// not all is never "100 %", and what is not nothing never "0 %": it has the digits that
// it takes to be told from them, or is said to be over or under the nearest that there are.
func Text(part float64, digits int) string {
	p := part * 100
	if math.IsNaN(p) || math.IsInf(p, 0) {
		return "?"
	}
	places := digits - 1
	if p != 0 {
		places -= int(math.Floor(math.Log10(math.Abs(p))))
	}
	for places = min(max(places, 0), most); places <= most; places++ {
		t := fixed(p, places)
		if (t == "100" && p != 100) || (strings.Trim(t, "-0") == "" && p != 0) {
			continue
		}
		return t + " %"
	}
	switch {
	case p > 100:
		return "over 100 %"
	case p > 50:
		return "over 99.999999 %"
	}
	return "under " + fixed(math.Pow10(-most), most) + " %"
}

// fixed is p with so many digits behind the point, without zeros at the end.
func fixed(p float64, places int) string {
	t := strconv.FormatFloat(p, 'f', places, 64)
	if strings.Contains(t, ".") {
		t = strings.TrimRight(strings.TrimRight(t, "0"), ".")
	}
	return t
}
