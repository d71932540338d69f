// Package landing writes records to the landing bucket, as parts: gzipped
// NDJSON objects that are never changed once they are written. The same
// records come out as the same parts, byte for byte, however often they are unpacked.
package landing

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"example.com/ingestion/internal/ids"
)

// A line of a part is one JSON object, without white space:
//
//	{"id":"<upload>/<entry>/<ordinal>","feed":…,"source":…,"version":…,"entry":…,"ordinal":…,"data":<payload>}
//
// Its members and their order are a contract: load finds the ID and the payload
// by their place, and Snowflake's statements by their names.

// envelope is what the lines of one entry have in common.
type envelope struct {
	idHead []byte // {"id":"<upload>/<entry>/
	middle []byte // ","feed":…,"entry":…,"ordinal":

	ordinal int64 // of the last line
	digits  [ids.OrdinalDigits]byte
	zeros   int // before the ordinal in digits
}

func newEnvelope(u ids.Upload, entry int, path string) (envelope, error) {
	rest, err := json.Marshal(struct {
		Feed    string `json:"feed"`
		Source  string `json:"source"`
		Version string `json:"version"`
		Entry   string `json:"entry"`
	}{u.Feed, u.Source(), u.Version(), path})
	if err != nil {
		return envelope{}, fmt.Errorf("entry %q of %s: %w", path, u.Source(), err)
	}
	id := ids.RecordID(u.ID, entry, 0)
	e := envelope{ordinal: -2, idHead: []byte(`{"id":"` + id[:len(id)-ids.OrdinalDigits])}
	e.middle = append(e.middle, `",`...)
	e.middle = append(e.middle, rest[1:len(rest)-1]...)
	e.middle = append(e.middle, `,"ordinal":`...)
	return e, nil
}

const dataName = `,"data":`

// appendHead appends a line up to its payload.
func (e *envelope) appendHead(dst []byte, ordinal int64) []byte {
	e.count(ordinal)
	dst = append(dst, e.idHead...)
	dst = append(dst, e.digits[:]...)
	dst = append(dst, e.middle...)
	dst = append(dst, e.digits[e.zeros:]...)
	return append(dst, dataName...)
}

// count writes the ordinal in digits. Nearly always it is the one after the last.
func (e *envelope) count(ordinal int64) {
	next := ordinal == e.ordinal+1
	e.ordinal = ordinal
	i := len(e.digits) - 1
	if next {
		for ; i > 0 && e.digits[i] == '9'; i-- {
			e.digits[i] = '0'
		}
		e.digits[i]++
		e.zeros = min(e.zeros, i)
		return
	}
	for ; i >= 0; i-- {
		e.digits[i] = byte('0' + ordinal%10)
		ordinal /= 10
	}
	for e.zeros = 0; e.zeros < len(e.digits)-1 && e.digits[e.zeros] == '0'; {
		e.zeros++
	}
}

// Line is one line of a part, taken apart. Its fields are slices of the line.
type Line struct {
	ID      []byte // the record's ID
	Sort    []byte // <entry>/<ordinal>, the ID's tail: the table's sort key
	Ordinal int64
	// Origin has the members that the lines of one entry share, "feed" to
	// "entry", without braces around them.
	Origin []byte
	Data   []byte // the payload
}

const ordinalName = `,"ordinal":`

var errNotALine = errors.New("not a line of a part")

// ParseLine takes a line apart, without its line break.
func ParseLine(line []byte) (Line, error) {
	const head = `{"id":"`
	const idLength = ids.RecordIDLength
	if len(line) < len(head)+idLength || string(line[:len(head)]) != head {
		return Line{}, fmt.Errorf("%w: it does not begin with an ID", errNotALine)
	}
	l := Line{ID: line[len(head) : len(head)+idLength]}
	l.Sort = l.ID[ids.IDLength+1:]
	for _, c := range l.Sort[ids.EntryDigits+1:] {
		if c < '0' || c > '9' {
			return Line{}, fmt.Errorf("%w: ID %q", errNotALine, l.ID)
		}
		l.Ordinal = l.Ordinal*10 + int64(c-'0')
	}
	// Before the payload stand only strings that were escaped and a number, so
	// the first match is the member: a quote inside a string has a backslash before it.
	rest := line[len(head)+idLength:]
	ordinal := bytes.Index(rest, []byte(ordinalName))
	if ordinal < len(`",`) || rest[0] != '"' || rest[1] != ',' {
		return Line{}, fmt.Errorf("%w: ID %q has no ordinal", errNotALine, l.ID)
	}
	l.Origin = rest[len(`",`):ordinal]
	rest = rest[ordinal:]
	// No ordinal has more than OrdinalDigits.
	at := bytes.Index(rest[:min(len(rest), len(ordinalName)+ids.OrdinalDigits+len(dataName))], []byte(dataName))
	if at < 0 || rest[len(rest)-1] != '}' {
		return Line{}, fmt.Errorf("%w: ID %q has no data", errNotALine, l.ID)
	}
	l.Data = rest[at+len(dataName) : len(rest)-1]
	return l, nil
}

// Origin is what a line says of where its record came from.
type Origin struct {
	ID      string `json:"id"`
	Feed    string `json:"feed"`
	Source  string `json:"source"`
	Version string `json:"version"`
	Entry   string `json:"entry"`
	Ordinal int64  `json:"ordinal"`
}

// ParseOrigin decodes the members of a line that stand before its payload.
func ParseOrigin(line []byte) (Origin, error) {
	var o Origin
	at := bytes.Index(line, []byte(dataName))
	if at < 0 {
		return o, fmt.Errorf("%w: it has no data", errNotALine)
	}
	head := append(append(make([]byte, 0, at+1), line[:at]...), '}')
	if err := json.Unmarshal(head, &o); err != nil {
		return o, fmt.Errorf("%w: %w", errNotALine, err)
	}
	return o, nil
}
