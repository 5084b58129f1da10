package formats

import (
	"strconv"
	"strings"
)

// maxPlain bounds the digits of a number that is written without an exponent.
const maxPlain = 40

// decimal is the one spelling of the number that s spells in decimal, since a database
// may well answer 1.50 or 1.5e0 to who wrote 1.5: the digits are kept exactly, so that
// neighbours beyond the precision of a double stay apart. integer says that nothing
// stands behind its point. What is no such number, or has an exponent of more than nine
// digits, is returned as it is.
func decimal(s string) (text string, integer bool) {
	mantissa, exponent := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		n, err := strconv.Atoi(s[i+1:])
		if err != nil || len(s)-i > 10 {
			return s, false
		}
		mantissa, exponent = s[:i], n
	}
	sign := ""
	switch {
	case strings.HasPrefix(mantissa, "-"):
		sign, mantissa = "-", mantissa[1:]
	case strings.HasPrefix(mantissa, "+"):
		mantissa = mantissa[1:]
	}
	whole, part, _ := strings.Cut(mantissa, ".")
	digits := whole + part
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return s, false
	}
	// The number is 0.digits with its point moved right by point.
	point := len(whole) + exponent
	led := strings.TrimLeft(digits, "0")
	point -= len(digits) - len(led)
	digits = strings.TrimRight(led, "0")
	switch {
	case digits == "":
		return "0", true // also with a sign: they compare equal
	case point >= len(digits) && point <= maxPlain:
		return sign + digits + strings.Repeat("0", point-len(digits)), true
	case point > 0 && point < len(digits):
		return sign + digits[:point] + "." + digits[point:], false
	case point <= 0 && point > -maxPlain:
		return sign + "0." + strings.Repeat("0", -point) + digits, false
	}
	text = sign + digits[:1]
	if len(digits) > 1 {
		text += "." + digits[1:]
	}
	return text + "e" + strconv.Itoa(point-1), point >= len(digits)
}

// jsonNumber is the term of what JSON spells s: JSON has one kind of number, so that
// 5.0 is the integer 5.
func jsonNumber(at int, s string) term {
	text, integer := decimal(s)
	if integer {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return term{kind: termInt, pos: at, num: n}
		}
	}
	return term{kind: termFloat, pos: at, text: text}
}

// ednNumber is the term of what EDN spells s and is no integer of 64 bits. As Clojure
// has it, 5.0 is neither 5 nor 5.0M, but 1.5 is 1.50, and an integer that is too large
// is the same with and without N.
func ednNumber(at int, s string) term {
	suffix, floating := "", strings.ContainsAny(s, ".eE")
	switch {
	case strings.HasSuffix(s, "M"):
		s, suffix = s[:len(s)-1], "M"
	case strings.HasSuffix(s, "N") && !floating:
		s = s[:len(s)-1]
	}
	text, integer := decimal(s)
	if floating && suffix == "" && integer && !strings.Contains(text, "e") {
		text += ".0"
	}
	return term{kind: termFloat, pos: at, text: text + suffix}
}
