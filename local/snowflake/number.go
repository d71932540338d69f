package snowflake

import (
	"bytes"
	"strconv"
	"strings"
)

// maxDigits is how many digits a fixed-point number has, and maxScale how many of them may
// follow the decimal point.
// https://docs.snowflake.com/en/sql-reference/data-types-numeric#data-types-for-fixed-point-numbers
const (
	maxDigits = 38
	maxScale  = 37
)

// variant returns a valid JSON document as a VARIANT has it: a number is stored as a fixed-point
// number without the zeros at its end, and one with an exponent, or with more digits, as a
// floating-point number. The example of TYPEOF shows 123.12 as DECIMAL and 1.912e2 as DOUBLE.
// https://docs.snowflake.com/en/sql-reference/functions/typeof#examples
func variant(document []byte) string {
	var b strings.Builder
	for i := 0; i < len(document); {
		switch c := document[i]; {
		case c == '"':
			from := i
			for i++; i < len(document) && document[i] != '"'; i++ {
				if document[i] == '\\' {
					i++
				}
			}
			i++
			b.Write(document[from:min(i, len(document))])
		case c == '-' || c >= '0' && c <= '9':
			from := i
			for i < len(document) && bytes.IndexByte([]byte("+-.eE0123456789"), document[i]) >= 0 {
				i++
			}
			b.WriteString(variantNumber(string(document[from:i])))
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String()
}

// variantNumber returns a JSON number as a VARIANT has it.
func variantNumber(text string) string {
	whole, fraction, _ := strings.Cut(text, ".")
	fraction = strings.TrimRight(fraction, "0")
	digits := len(strings.TrimLeft(strings.TrimPrefix(whole, "-")+fraction, "0"))
	if strings.ContainsAny(text, "eE") || digits > maxDigits || len(fraction) > maxScale {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return text // out of the range of a double: undocumented
		}
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	switch {
	case fraction != "":
		return whole + "." + fraction
	case whole == "-0":
		return "0"
	}
	return whole
}
