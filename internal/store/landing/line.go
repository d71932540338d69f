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
//	{"id":"<upload>/<entry>/<ordinal>","feed":…,"source":…,"version":…,"source_time":…,"entry":…,"ordinal":…,"data":<payload>}
//
// Its members and their order must not change: load finds the ID and the payload
// by their position, and Snowflake's statements by their names.

// envelope is what the lines of an entry have in common around their payloads.
type envelope struct {
	idHead []byte // {"id":"<upload>/<entry>/
	middle []byte // ","feed":…,"entry":…,"ordinal":

	ordinal int64 // of the last line
	digits  [ids.OrdinalDigits]byte
	zeros   int // leading zeros in digits
}

func newEnvelope(u ids.Upload, entry int, path string) (envelope, error) {
	sourceTime := ""
	if !u.Time.IsZero() {
		sourceTime = ids.TimeText(u.Time)
	}
	origin, err := json.Marshal(struct {
		Feed    string `json:"feed"`
		Source  string `json:"source"`
		Version string `json:"version"`
		Time    string `json:"source_time,omitempty"`
		Entry   string `json:"entry"`
	}{u.Feed, u.Source(), u.Version(), sourceTime, path})
	if err != nil {
		return envelope{}, fmt.Errorf("entry %q of %s: %w", path, u.Source(), err)
	}
	id := ids.RecordID(u.ID, entry, 0)
	e := envelope{ordinal: -2, idHead: []byte(`{"id":"` + id[:len(id)-ids.OrdinalDigits])}
	e.middle = append(e.middle, `",`...)
	e.middle = append(e.middle, origin[1:len(origin)-1]...)
	e.middle = append(e.middle, `,"ordinal":`...)
	return e, nil
}

const dataName = `,"data":`

// appendHead appends the beginning of a line, before its payload.
func (e *envelope) appendHead(dst []byte, ordinal int64) []byte {
	e.count(ordinal)
	dst = append(dst, e.idHead...)
	dst = append(dst, e.digits[:]...)
	dst = append(dst, e.middle...)
	dst = append(dst, e.digits[e.zeros:]...)
	return append(dst, dataName...)
}

// count writes the ordinal to digits. Usually it is the last one plus 1.
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

// Line is a parsed line of a part. Its fields are slices of the line.
type Line struct {
	ID      []byte // the record's ID
	Sort    []byte // <entry>/<ordinal>, the end of the ID: the sort key in the table
	Ordinal int64
	// Origin are the members that the lines of one entry have in common, "feed" to
	// "entry", without braces around them.
	Origin []byte
	Data   []byte // the payload
}

const ordinalName = `,"ordinal":`

var errNotALine = errors.New("not a line of a part")

// ParseLine parses a line, given without its line break. It checks no more than it
// needs: lines are written by this package.
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
	// The first match is the member, because only escaped strings and a number
	// precede it: a quote inside a string has a backslash before it.
	rest := line[len(head)+idLength:]
	ordinal := bytes.Index(rest, []byte(ordinalName))
	if ordinal < len(`",`) || rest[0] != '"' || rest[1] != ',' {
		return Line{}, fmt.Errorf("%w: ID %q has no ordinal", errNotALine, l.ID)
	}
	l.Origin = rest[len(`",`):ordinal]
	rest = rest[ordinal:]
	// An ordinal has at most OrdinalDigits.
	at := bytes.Index(rest[:min(len(rest), len(ordinalName)+ids.OrdinalDigits+len(dataName))], []byte(dataName))
	if at < 0 || rest[len(rest)-1] != '}' {
		return Line{}, fmt.Errorf("%w: ID %q has no data", errNotALine, l.ID)
	}
	l.Data = rest[at+len(dataName) : len(rest)-1]
	return l, nil
}

// Origin identifies a record and where it came from.
type Origin struct {
	ID      string `json:"id"`
	Feed    string `json:"feed"`
	Source  string `json:"source"`
	Version string `json:"version"`
	Entry   string `json:"entry"`
	Ordinal int64  `json:"ordinal"`
}

// ParseOrigin decodes the members of a line that precede its payload.
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
