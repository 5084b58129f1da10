package formats

import (
	"math/big"
	"strings"
	"testing"
)

func TestDecimal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in, want string
		integer  bool
	}{
		{"1.5", "1.5", false}, {"1.50", "1.5", false}, {"15e-1", "1.5", false}, {"0.15E+1", "1.5", false}, {"+1.5", "1.5", false},
		{"-0.00250", "-0.0025", false}, {"5.0", "5", true}, {"5e0", "5", true}, {"1e3", "1000", true}, {"-1.20e1", "-12", true},
		{"0.0", "0", true}, {"-0e7", "0", true}, {"007", "7", true},
		{"123456789012345678901234567890", "123456789012345678901234567890", true},
		{"1.23456789012345678901234567890e29", "123456789012345678901234567890", true},
		{"123456789012345678901234567891", "123456789012345678901234567891", true},
		{"1e40", "1e40", true}, {"10e39", "1e40", true}, {"1e39", "1" + strings.Repeat("0", 39), true}, {"0.1e41", "1e40", true},
		{"1.25e-60", "1.25e-60", false}, {"12.5e-61", "1.25e-60", false},
		{"1e1000000000", "1e1000000000", false}, {"1e", "1e", false}, {".", ".", false}, {"NaN", "NaN", false}, {"1/2", "1/2", false},
	} {
		got, integer := decimal(c.in)
		if got != c.want || integer != c.integer {
			t.Errorf("decimal(%q) = %q, %v; want %q, %v", c.in, got, integer, c.want, c.integer)
		}
	}
}

// FuzzDecimal: two numbers have one spelling exactly if they are equal.
func FuzzDecimal(f *testing.F) {
	f.Add("1.50", "15e-1")
	f.Add("123456789012345678901234567890", "123456789012345678901234567891")
	f.Add("1e39", "1e40")
	f.Add("123489012345678905678345631920434567890567889012901234567", "1e56")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := exact(a), exact(b)
		if x == nil || y == nil {
			return
		}
		p, _ := decimal(a)
		q, _ := decimal(b)
		if (p == q) != (x.Cmp(y) == 0) {
			t.Errorf("%q and %q are spelled %q and %q", a, b, p, q)
		}
		if again, ok := new(big.Rat).SetString(p); !ok || again.Cmp(x) != 0 {
			t.Errorf("%q became %q", a, p)
		}
	})
}

// exact is the number that s spells in decimal, nil if it is none or a very large one.
func exact(s string) *big.Rat {
	if s == "" || len(s) > 60 || strings.Trim(s, "+-.0123456789eE") != "" || strings.HasPrefix(s, ".") {
		return nil
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 && len(s)-i > 4 {
		return nil
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil
	}
	return r
}

// TestNumbersAreEqual reads what was written in another spelling, and what was not.
func TestNumbersAreEqual(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format, written, read string
		equal                 bool
	}{
		{"elle-json", "1.5", "1.50", true}, {"elle-json", "1.5", "1.51", false}, {"elle-json", "5", "5.0", true}, {"elle-json", "5", `"5"`, false},
		{"elle-json", "1000", "1e3", true}, {"elle-json", `{"a":[1.50]}`, `{"a":[1.5]}`, true}, {"elle-json", "-0.0", "0", true},
		{"elle-json", "123456789012345678901234567890", "123456789012345678901234567891", false},
		{"elle-json", "9007199254740993.0", "9007199254740992", false},
		{"edn", "1.5", "1.50", true}, {"edn", "1.5", "1.5M", false}, {"edn", "2.5M", "2.50M", true}, {"edn", "1e3", "1000.0", true}, {"edn", "5", "5.0", false},
		{"edn", "5", "5N", true}, {"edn", "123456789012345678901234567890", "123456789012345678901234567890N", true}, {"edn", "1/2", "1/2", true},
		{"edn", "[1.50 2]", "[1.5 2]", true}, {"edn", "0.0", "-0.0", true},
	} {
		text := `{:type :invoke, :f :write, :value ` + c.written + `, :process 0}
{:type :ok, :f :write, :value ` + c.written + `, :process 0}
{:type :invoke, :f :read, :value nil, :process 1}
{:type :ok, :f :read, :value ` + c.read + `, :process 1}`
		if c.format == "elle-json" {
			text = `{"type":"invoke","f":"write","value":` + c.written + `,"process":0}
{"type":"ok","f":"write","value":` + c.written + `,"process":0}
{"type":"invoke","f":"read","value":null,"process":1}
{"type":"ok","f":"read","value":` + c.read + `,"process":1}`
		}
		h, _, err := readBytes("history", []byte(text), Options{Format: c.format, Type: TypeRegister})
		if err != nil {
			t.Errorf("%s %s, %s: %v", c.format, c.written, c.read, err)
			continue
		}
		if equal := h.Mop(&h.Ops[0]).Arg == h.Mop(&h.Ops[1]).Ret; equal != c.equal {
			t.Errorf("%s: %s written, %s read: equal is %v, want %v", c.format, c.written, c.read, equal, c.equal)
		}
	}
}
