//go:build goexperiment.jsonv2

package record

import (
	"bytes"
	"encoding/json/jsontext"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"example.com/ingestion/feed"
)

// The rules of a record (see the package's documentation) are the default rules of
// jsontext: RFC 8259, valid UTF-8, no half of a surrogate pair, no duplicate name,
// 10,000 levels. For a single value there is no difference. The deliberate
// differences are around the values:
//
//   - an entry may begin with a byte order mark, and then be UTF-16;
//   - whitespace outside strings is removed, as by jsontext's Compact;
//   - documents that are not on separate lines must be separated as canFollow
//     requires: jsontext accepts any value after a number or a word;
//   - an NDJSON entry whose first line shows another format is rejected completely;
//   - byte order marks between documents are skipped, and null at a path has no record;
//   - after a fault jsontext stops, and Split continues if it can. The records after
//     a fault must be valid, but cannot be compared.

// asRecord returns the value as a record, or false if jsontext does not accept it.
func asRecord(t *testing.T, value []byte) (string, bool) {
	t.Helper()
	v := jsontext.Value(value).Clone()
	if !v.IsValid() {
		return "", false
	}
	if err := v.Compact(); err != nil {
		t.Fatalf("%q is valid and not to be asRecord: %v", value, err)
	}
	return string(v), true
}

// agree compares got with the result of jsontext for values, one by one.
func agree(t *testing.T, in []byte, got []string, values [][]byte) {
	t.Helper()
	if len(got) != len(values) {
		t.Fatalf("%q: got %q, want %d values", in, got, len(values))
	}
	for i, v := range values {
		want, ok := asRecord(t, v)
		if rejected := strings.HasPrefix(got[i], "!"); rejected == ok || ok && got[i] != want {
			t.Fatalf("%q: got %q for %q, which jsontext takes: %v", in, got[i], v, ok)
		}
	}
}

// elements reads the array at the position of d, up to its end or a fault. An element
// counts only if a comma or a bracket follows it.
func elements(d *jsontext.Decoder) (list [][]byte, whole bool) {
	if _, err := d.ReadToken(); err != nil {
		return nil, false
	}
	for d.PeekKind() != ']' {
		v, err := d.ReadValue()
		if err != nil {
			return list, false
		}
		v = v.Clone()
		if kind := d.PeekKind(); kind == jsontext.KindInvalid || kind == '}' {
			return list, false
		}
		list = append(list, v)
	}
	_, err := d.ReadToken()
	return list, err == nil
}

// documentsOf reads consecutive objects and arrays; ok is false after a fault or a
// value of another type.
func documentsOf(in []byte) (records [][]byte, ok bool) {
	d := jsontext.NewDecoder(bytes.NewReader(in))
	for {
		switch d.PeekKind() {
		case '{':
			v, err := d.ReadValue()
			if err != nil {
				return nil, false
			}
			records = append(records, v.Clone())
		case '[':
			list, whole := elements(d)
			if !whole {
				return nil, false
			}
			records = append(records, list...)
		default:
			_, err := d.ReadToken()
			return records, errors.Is(err, io.EOF)
		}
	}
}

func FuzzJSONText(f *testing.F) {
	for _, seed := range []string{
		"", " ", "{\"a\":1}\n{\"b\":[1,2.5e-3,null,true]}\n", `[1,"é😀",{"a":{"b":"c"}}]`, `{"a":[{"b":1},{"b":2}],"c":3}`,
		`{"a":1,"\u0061":2}`, `["\ud800"]`, `"\udc00\ud800"`, `"\ud83d\u0041"`, "\"\xc3\"", "[\"\xed\xa0\x80\"]", "[\"\xf4\x90\x80\x80\"]", "\"\xc3\x28\"",
		`[1,[2}],3]`, `[1 2]`, `[ 1}2]`, `[1,]`, `[,1]`, `{"a":1}{"a":2}[3,{"a":4}]`, "-0.0e+1\n01\n1.\n.5\n-\ntru\nnull", `{"a":{"b":1,"c":{"b":1,"b":1}}}`,
		"\"\x7f\"", "\"\x1f\"", "\"\t\"", `"\u00zz"`, `"\x"`, `{"":1,"":2}`, `{"aaaaaaaaaaaaaaaaaaaa":1,"aaaaaaaaaaaaaaaaaaaa":2}`,
		"{\"a\":1}\n{\"a\":1,\"a\":2}\n{\"a\":1,\"b\":2,\"a\":3}\n", " [ 1 , { \"a\" : [ ] } ] ", "[1]\r\n[2]\r\n", `"0123456789abcdefé"`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		c, lines := splitVariants(t, feed.Format{Kind: feed.NDJSON}, in)
		d, documents := splitVariants(t, feed.Format{Kind: feed.JSON}, in)
		p, atPath := splitVariants(t, feed.Format{Kind: feed.JSON, Path: "a"}, in)
		for _, r := range slices.Concat(c.records, d.records, p.records) {
			if want, ok := asRecord(t, []byte(r)); !ok || want != r {
				t.Fatalf("%q: record %q is not valid or not compact", in, r)
			}
		}
		text := bytes.TrimPrefix(in, []byte("\xEF\xBB\xBF"))
		if bytes.HasPrefix(in, []byte("\xFF\xFE")) || bytes.HasPrefix(in, []byte("\xFE\xFF")) || bytes.Contains(text, byteOrderMark) {
			return
		}
		var values [][]byte
		for l := range bytes.SplitSeq(text, []byte("\n")) {
			if l = bytes.Trim(l, " \t\r"); len(l) > 0 {
				values = append(values, l)
			}
		}
		if len(lines) == 1 && strings.HasPrefix(lines[0], "!"+NotJSON) {
			values = values[:1]
		}
		agree(t, text, lines, values)

		if records, ok := documentsOf(text); ok {
			agree(t, text, documents, records)
		}
		if list, _ := elements(jsontext.NewDecoder(bytes.NewReader(text))); len(list) > 0 && bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("[")) {
			agree(t, text, documents[:min(len(list), len(documents))], list)
		}
		if _, ok := asRecord(t, text); ok && bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) {
			agreeAtPath(t, text, atPath)
		}
	})
}

// agreeAtPath compares got with the values at the path "a" of the object text.
func agreeAtPath(t *testing.T, text []byte, got []string) {
	t.Helper()
	d := jsontext.NewDecoder(bytes.NewReader(text))
	read := func() jsontext.Token {
		tok, err := d.ReadToken()
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		return tok
	}
	read()
	for d.PeekKind() != '}' {
		switch found := read().String() == "a"; {
		case found && d.PeekKind() == '[':
			list, _ := elements(d)
			agree(t, text, got, list)
			return
		case found:
			v, err := d.ReadValue()
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			if v.Kind() == 'n' {
				agree(t, text, got, nil)
			} else {
				agree(t, text, got, [][]byte{v})
			}
			return
		}
		if err := d.SkipValue(); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	}
	if len(got) != 1 || !strings.HasPrefix(got[0], "!"+PathNotFound) {
		t.Fatalf("%q: no path, got %q", text, got)
	}
}

// FuzzDelimitedJSONText compares the strings of a row with those that jsontext writes,
// byte by byte: the shortest escapes, and only where they are required.
func FuzzDelimitedJSONText(f *testing.F) {
	for _, seed := range []string{
		"a,b\n1,2\n", "a,\"b\"\n\"1,\"\"x\"\"\n\",2\r\n\n3\n", "a,a,\n1,2,3\n", "\xEF\xBB\xBFé,漢\n\u2028,\t\\\x01\n", "a\n\x00\x08\x0c\x1f\x7f\n", "\"\n\"\n\"\r\"\n", "<,>\n&,'\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		c, _ := splitVariants(t, feed.Format{Kind: feed.CSV, Delimiter: ","}, in)
		var header []string
		for i, r := range c.records {
			var names []string
			want := []byte{'{'}
			for k, text := range stringsOf(t, r) {
				after := byte(',')
				if k%2 == 0 {
					names = append(names, text)
					after = ':'
				}
				var err error
				if want, err = jsontext.AppendQuote(want, text); err != nil {
					t.Fatalf("%q: record %q: %v", in, r, err)
				}
				want = append(want, after)
			}
			want[len(want)-1] = '}'
			if string(want) != r {
				t.Fatalf("%q: got %q, jsontext writes %q", in, r, want)
			}
			if i == 0 {
				header = names
			}
			if !slices.Equal(names, header) {
				t.Fatalf("%q: record %d has the names %q, the first %q", in, i, names, header)
			}
		}
	})
}

// stringsOf returns the names and values of an object of strings, in order.
func stringsOf(t *testing.T, object string) []string {
	t.Helper()
	d := jsontext.NewDecoder(strings.NewReader(object))
	var list []string
	kinds := ""
	for {
		tok, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("record %q: %v", object, err)
		}
		kinds += string(rune(tok.Kind()))
		if tok.Kind() == '"' {
			list = append(list, tok.String())
		}
	}
	if len(list) == 0 || kinds != "{"+strings.Repeat(`"`, len(list))+"}" {
		t.Fatalf("record %q is not an object of strings", object)
	}
	return list
}

// The largest depth of a record is that of jsontext.
func TestNestingAsJSONText(t *testing.T) {
	for _, levels := range []int{maxNesting, maxNesting + 1} {
		for _, brackets := range []struct{ open, middle, shut string }{{"[", "", "]"}, {`{"a":`, "1", "}"}} {
			value := strings.Repeat(brackets.open, levels) + brackets.middle + strings.Repeat(brackets.shut, levels)
			c := collect(t, strings.NewReader(value), feed.Format{Kind: feed.NDJSON}, feed.Limits{})
			if _, ok := asRecord(t, []byte(value)); ok != (len(c.records) == 1) {
				t.Errorf("%d levels of %s: %d records, jsontext takes it: %v", levels, brackets.open, len(c.records), ok)
			}
		}
	}
}
