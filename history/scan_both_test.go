package history

import (
	"bufio"
	"io"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// byScanner reads text as textReader does, but takes no line of an operation for a plain one: what scanner makes of it is right.
func byScanner(text string) (*History, error) {
	r := &textReader{size: -1}
	ended := false
	for line := range strings.Lines(text) {
		r.line++
		if strings.TrimSpace(line) == "" {
			return nil, r.wrong("", "the line is empty, expected a JSON object")
		}
		if ended {
			return nil, r.wrong("", "something stands after the end line")
		}
		r.other = true
		var err error
		if ended, err = r.parse([]byte(line)); err != nil {
			return nil, err
		}
	}
	if !ended {
		r.line++
		return nil, r.wrong("", `the file ends without its end line {"type":"end"}: it is not whole; if it is, add that line`)
	}
	return r.history()
}

// bothWays reads text in the given pieces, each of which the buffer gets by itself, and by scanner. in is a buffer to use again.
func bothWays(t *testing.T, in *bufio.Reader, text string, want *History, wrong error, cuts ...int) {
	t.Helper()
	var pieces []io.Reader
	from := 0
	for _, cut := range append(cuts, len(text)) {
		pieces = append(pieces, strings.NewReader(text[from:cut]))
		from = cut
	}
	in.Reset(io.MultiReader(pieces...))
	got, err := readText(in, "", -1)
	if (err == nil) != (wrong == nil) || err != nil && !reflect.DeepEqual(err, wrong) {
		t.Fatalf("%q cut at %d: %v, want %v", text, cuts, err, wrong)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%q cut at %d: %+v, want %+v", text, cuts, got, want)
	}
}

// oddLine has each part that a line of an operation can have.
const oddLine = `{"type":"op","invoke_ns":11,"complete_ns":22,"process":33,"session":44,"node":"n1","read_level":"ONE","write_level":"ONE","outcome":"ok",` +
	`"error":"e","note":"n","txn":[{"f":"write","key":"k1","arg":55},{"f":"cas","key":"k2","arg":"x","expect":null,"ret":66,"mismatched":true},` +
	`{"f":"read-list","key":"k77","list":[88,null,"t"],"version":99,"predicate":true}]}`

// oddNumbers stand where a number is expected.
var oddNumbers = strings.Split("0|-0|-1|00|01|-01|+1||-|--1|1.0|1e3|1E3|.5|0x1|1_0|1/|1:|1\x00|\x001|1\xba|١|NaN|true|null|[1]|{}|1,|1 | 1|\t1|1\r|1\"|\"1\"|"+
	"1234567|12345678|123456789|-12345678|2147483647|2147483648|-2147483648|-2147483649|4294967296|1234567890123456|12345678901234567|123456789012345678|"+
	"-123456789012345678|1000000000000000000|9223372036854775806|9223372036854775807|9223372036854775808|-9223372036854775807|-9223372036854775808|"+
	"-9223372036854775809|-9223372034707292160|-9223372034707292159|18446744073709551615|18446744073709551616|18446744073709551617|99999999999999999999|"+
	"123456789012345678901234567890|000000000000000000000001", "|")

// TestPlainLinesBothWays: whatever stands in a line, and wherever the buffer ends in it, the history and the error are those of scanner, to the byte.
func TestPlainLinesBothWays(t *testing.T) {
	in := bufio.NewReaderSize(nil, 256<<10)
	// behind stands behind the line; a process has one operation at a time.
	behind := strings.Replace(goodOp, `"process":0`, `"process":7`, 1) + goodEnd
	around := func(line string, from, to int) {
		t.Helper()
		for _, header := range []string{goodHeader, strings.Replace(goodHeader, `"nodes"`, `"named_keys":true,"nodes"`, 1)} {
			begin := header + goodOp
			text := begin + line + behind
			want, wrong := byScanner(text)
			for cut := len(begin) + max(from, 0); cut <= len(begin)+min(to, len(line)); cut++ {
				bothWays(t, in, text, want, wrong, cut)
			}
			text = begin + line // the last one
			want, wrong = byScanner(text)
			bothWays(t, in, text, want, wrong, len(begin))
			bothWays(t, in, text, want, wrong, len(text)-1)
		}
	}
	for _, number := range []string{"11", "22", "33", "44", "55", "66", "77", "88", "99"} {
		at := strings.Index(oddLine, number)
		for _, odd := range oddNumbers {
			around(oddLine[:at]+odd+oddLine[at+2:]+"\n", at-1, at+len(odd)+2)
		}
	}
	for at := range len(oddLine) {
		for _, line := range []string{oddLine[:at], oddLine[:at] + "\x00" + oddLine[at:], oddLine[:at] + "\x00" + oddLine[at+1:]} {
			around(line+"\n", at-1, at+2)
		}
	}
	for _, line := range oddLines() {
		around(line, 0, len(line))
	}
}

// oddLines are lines that differ from a plain one in more than a number or a byte.
func oddLines() []string {
	lines := []string{oddLine, oddLine + "\n"}
	for _, behind := range []string{"\r\n", " \n", "\n\n", "\n\r\n", "x\n", "}\n", ",\n", "\x00", "\x00\n", "\x00{}\n", " \x00" + goodOp, goodOp} {
		lines = append(lines, oddLine+behind)
	}
	for _, change := range [][2]string{
		{`"type":"op",`, `"type":"op","type":"op",`}, {`"invoke_ns":11,`, ``}, {`"complete_ns":22,`, ``}, {`"process":33,"session":44`, `"session":44,"process":33`},
		{`"process":33,`, ``}, {`"session":44,`, ``}, {`"process":33`, `"process":33,"process":34`}, {`"node":"n1"`, `"node":"n2"`}, {`"node":"n1"`, `"node":""`},
		{`"node":"n1"`, `"node":"\u006e1"`}, {`"node":"n1"`, `"node":"n1","node":"n1"`}, {`"read_level":"ONE"`, `"read_level":"TWO"`}, {`"read_level":"ONE"`, `"read_level":""`},
		{`"read_level":"ONE","write_level":"ONE"`, `"write_level":"ONE","read_level":"ONE"`}, {`"ok"`, `"info"`}, {`"ok"`, `"fail"`}, {`"ok"`, `"OK"`}, {`"ok"`, `"ok","outcome":"ok"`},
		{`"ok",`, `"ok","extra":1,`}, {`"e"`, `""`}, {`"e"`, `"é"`}, {`"e"`, "\"\xff\""}, {`"e"`, `"\u0000\n"`}, {`"e"`, `"\ud800"`}, {`"e"`, "\"\x7f\""}, {`"e"`, "\"\x1f\""},
		{`"e"`, `"` + strings.Repeat("long ", 1000) + `"`}, {`"note":"n"`, `"note":"e"`}, {`"error":"e","note":"n"`, `"note":"n","error":"e"`}, {`"txn":[`, `"txn":[],"txn":[`},
		{`"f":"write","key":"k1"`, `"key":"k1","f":"write"`}, {`"write","key"`, `"write","f":"read","key"`}, {`"f":"write"`, `"f":"wrote"`}, {`"f":"write"`, `"f":"append"`},
		{`"f":"write"`, `"f":"writ\u0065"`}, {`"k1"`, `"k"`}, {`"k1"`, `""`}, {`"k1"`, `"1"`}, {`"k1"`, `"key of many words"`}, {`"k1"`, `"k1","key":"k2"`}, {`,"arg":55`, ``},
		{`,"arg":55`, `,"arg":55,"arg":55`}, {`"arg":"x","expect":null`, `"expect":null,"arg":"x"`}, {`,"expect":null,"ret":66`, `,"ret":66,"expect":null`}, {`,"expect":null`, ``},
		{`"x"`, `"\"x\\"`}, {`"x"`, `{"base64":"/w=="}`}, {`"x"`, `{"base64":"/w"}`}, {`"x"`, `""`}, {`"x"`, `"t"`}, {`null,"ret"`, `nul,"ret"`}, {`null,"ret"`, `nullx,"ret"`},
		{`"mismatched":true`, `"mismatched":false`}, {`"mismatched":true`, `"owned":true`}, {`"mismatched":true`, `"mismatched":true,"owned":true`},
		{`"mismatched":true`, `"owned":true,"mismatched":true`}, {`"mismatched":true`, `"observed":false`}, {`read-list`, `read`}, {`read-list`, `poll`}, {`88,null,"t"`, ``},
		{`88,null,"t"`, `88,null,"t",`}, {`88,null,"t"`, `,88`}, {`88,null,"t"`, `[88]`}, {`"version":99`, `"version":99,"versioned":false`}, {`"version":99,"predicate":true`, `"predicate":true,"version":99`},
		{`{"f":"write","key":"k1","arg":55},`, ``}, {`{"f":"write","key":"k1","arg":55},`, `,`}, {`{"f":"write","key":"k1","arg":55}`, `{"f":"write","key":"k1","arg":55,"list":[1]}`},
		{`]}`, `],}`}, {`]}`, `,]}`}, {`]}`, `]`}, {`]}`, `] }`},
	} {
		lines = append(lines, strings.Replace(oddLine, change[0], change[1], 1)+"\n")
	}
	return lines
}

// TestLinesLongerThanTheBuffer: lines that the buffer cannot hold, and where it ends by itself.
func TestLinesLongerThanTheBuffer(t *testing.T) {
	in := bufio.NewReaderSize(nil, 256<<10)
	long := strings.Replace(oddLine, "88", "88"+strings.Repeat(",12345678901234567", 16<<10), 1) + "\n"
	var more strings.Builder // lines that are longer together
	for i := 0; more.Len() < 260<<10; i++ {
		more.WriteString(strings.Replace(goodOp, `"process":0`, `"process":`+strconv.Itoa(1000+i), 1))
	}
	more.WriteString(goodEnd)
	for shift := range 40 {
		header := strings.Replace(goodHeader, `"lapse"`, `"`+strings.Repeat("x", 1+shift)+`"`, 1)
		for _, text := range []string{header + goodOp + long + more.String(), header + more.String()} {
			want, wrong := byScanner(text)
			if wrong != nil {
				t.Fatal(wrong)
			}
			in.Reset(strings.NewReader(text))
			got, err := readText(in, "", -1)
			must(t, err)
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("shift %d: another history", shift)
			}
		}
	}
}

// FuzzPlainBothWays compares the two readers on any lines behind a header, in any three pieces.
func FuzzPlainBothWays(f *testing.F) {
	f.Add(goodOp+goodEnd, uint16(20), uint16(30), false)
	f.Add(goodOp+oddLine+"\n"+goodOp+goodEnd, uint16(300), uint16(301), false)
	f.Add(strings.Replace(oddLine, "k1", "a key", 1)+"\n"+goodOp+goodEnd, uint16(150), uint16(400), true)
	f.Fuzz(func(t *testing.T, lines string, one, two uint16, named bool) {
		header := goodHeader
		if named {
			header = strings.Replace(goodHeader, `"nodes"`, `"named_keys":true,"nodes"`, 1)
		}
		text := header + lines
		a := len(header) + int(one)%(len(lines)+1)
		b := a + int(two)%(len(text)-a+1)
		want, wrong := byScanner(text)
		bothWays(t, bufio.NewReaderSize(nil, 256<<10), text, want, wrong, a, b)
	})
}
