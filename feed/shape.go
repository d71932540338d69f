package feed

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // Validate looks zones up, also where the machine has no database of them
)

// Shape changes each record between its source file and its part: its operations are
// applied in order. The zero Shape changes nothing. Quarantine keeps the original bytes
// of a record that an operation cannot be applied to.
//
// A field is named by its path: object keys separated by dots ("customer.address.city").
// A dot or a backslash that belongs to a key has a backslash before it ("price\.net").
// Paths do not enter arrays: use JQ.
type Shape struct {
	Operations []Operation `json:"operations,omitempty"`
	// HashSecret is the name or ARN of the secret in Secrets Manager whose text is the key
	// of Hash. It is required by Hash, and allowed only with it.
	HashSecret string `json:"hashSecret,omitempty"`
}

// Operation is one step of a Shape. Use the functions that return one, such as Rename.
type Operation struct {
	Kind   OperationKind `json:"kind"`
	Fields []string      `json:"fields,omitempty"`
	// To is the path that OpRename moves its field to.
	To string `json:"to,omitempty"`
	// Value is that of OpConstant and OpDefault, as JSON.
	Value json.RawMessage `json:"value,omitempty"`
	// Origin is the value that OpOrigin sets.
	Origin OriginValue `json:"origin,omitempty"`
	// Decimal and Thousands are the separators of OpNumber: one ASCII character each.
	Decimal   string `json:"decimal,omitempty"`
	Thousands string `json:"thousands,omitempty"`
	// Layout and Zone are those of OpTimestamp.
	Layout string `json:"layout,omitempty"`
	Zone   string `json:"zone,omitempty"`
	// Values are the texts that OpKeepWhere and OpDropWhere compare a field with.
	Values []string `json:"values,omitempty"`
	// Program is that of OpJQ.
	Program string `json:"program,omitempty"`
}

// OperationKind is the kind of an Operation.
type OperationKind string

// The kinds of operation.
const (
	OpRename    OperationKind = "rename"
	OpKeep      OperationKind = "keep"
	OpDrop      OperationKind = "drop"
	OpConstant  OperationKind = "constant"
	OpOrigin    OperationKind = "origin"
	OpDefault   OperationKind = "default"
	OpNumber    OperationKind = "number"
	OpBoolean   OperationKind = "boolean"
	OpTimestamp OperationKind = "timestamp"
	OpParseJSON OperationKind = "parse_json"
	OpTrim      OperationKind = "trim"
	OpUpper     OperationKind = "upper"
	OpLower     OperationKind = "lower"
	OpHash      OperationKind = "hash"
	OpKeepWhere OperationKind = "keep_where"
	OpDropWhere OperationKind = "drop_where"
	OpJQ        OperationKind = "jq"
)

var operationKinds = []OperationKind{
	OpRename, OpKeep, OpDrop, OpConstant, OpOrigin, OpDefault, OpNumber, OpBoolean, OpTimestamp, OpParseJSON,
	OpTrim, OpUpper, OpLower, OpHash, OpKeepWhere, OpDropWhere, OpJQ,
}

// OriginValue is something known of the file that a record comes from.
type OriginValue string

// The origin values. All but OriginModified are the same in each replay of a file and
// in each copy of it; OriginModified and OriginUpload identify one version of an object.
const (
	OriginSource   OriginValue = "source"   // s3://<bucket>/<key>
	OriginFile     OriginValue = "file"     // the last segment of the key
	OriginEntry    OriginValue = "entry"    // the path in the archive, empty for a plain file
	OriginModified OriginValue = "modified" // when the object was written, in RFC 3339, UTC
	OriginUpload   OriginValue = "upload"   // the ID of the upload
)

var originValues = []OriginValue{OriginSource, OriginFile, OriginEntry, OriginModified, OriginUpload}

// Layouts of Timestamp for numbers of seconds or milliseconds since 1970-01-01 UTC.
// They read texts and JSON numbers.
const (
	UnixSeconds      = "unix"
	UnixMilliseconds = "unix_ms"
)

// Rename moves a field to another path, also into a nested object, which is created if
// it does not exist, or out of one, which is removed if nothing is left in it. A record
// without the field is left as it is; one that has both is quarantined.
func Rename(from, to string) Operation {
	return Operation{Kind: OpRename, Fields: []string{from}, To: to}
}

// Keep removes all fields but the given ones, which are then in the given order.
func Keep(fields ...string) Operation { return Operation{Kind: OpKeep, Fields: fields} }

// Drop removes fields.
func Drop(fields ...string) Operation { return Operation{Kind: OpDrop, Fields: fields} }

// Constant sets a field to a value that encoding/json can encode.
func Constant(field string, value any) Operation {
	return Operation{Kind: OpConstant, Fields: []string{field}, Value: encodeValue(value)}
}

// FromOrigin sets a field to an origin value.
func FromOrigin(field string, value OriginValue) Operation {
	return Operation{Kind: OpOrigin, Fields: []string{field}, Origin: value}
}

// Default sets a field that does not exist, is null or is the empty string.
func Default(field string, value any) Operation {
	return Operation{Kind: OpDefault, Fields: []string{field}, Value: encodeValue(value)}
}

// encodeValue returns nil, which Validate reports, for a value that JSON does not have.
func encodeValue(value any) json.RawMessage {
	b, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	return b
}

// Number converts texts such as "+007.50" to numbers, digit by digit. Like all
// conversions it removes white space around the text, converts empty text to null, and
// leaves null and fields that do not exist as they are. Numbers remain as they are.
func Number(fields ...string) Operation { return Operation{Kind: OpNumber, Fields: fields} }

// NumberWith is Number for texts with other separators: NumberWith(",", ".", "price")
// reads "1.234,50". An empty thousands means that there is none.
func NumberWith(decimal, thousands string, fields ...string) Operation {
	return Operation{Kind: OpNumber, Fields: fields, Decimal: decimal, Thousands: thousands}
}

// Boolean converts the texts true, t, yes, y, 1, on and false, f, no, n, 0, off, in any
// case, and the numbers 1 and 0.
func Boolean(fields ...string) Operation { return Operation{Kind: OpBoolean, Fields: fields} }

// Timestamp converts texts to RFC 3339 in UTC. The layout is one of package time, such as
// "02.01.2006 15:04", or UnixSeconds or UnixMilliseconds. The zone is a name of the IANA
// database, such as "Europe/Berlin", for layouts without a zone; empty means UTC. A local
// time that exists twice, when clocks are set back, is read as the earlier one; one that
// clocks skip is quarantined.
func Timestamp(layout, zone string, fields ...string) Operation {
	return Operation{Kind: OpTimestamp, Fields: fields, Layout: layout, Zone: zone}
}

// ParseJSON replaces texts that contain JSON by the value.
func ParseJSON(fields ...string) Operation { return Operation{Kind: OpParseJSON, Fields: fields} }

// Trim removes white space around texts.
func Trim(fields ...string) Operation { return Operation{Kind: OpTrim, Fields: fields} }

// Upper converts texts to upper case.
func Upper(fields ...string) Operation { return Operation{Kind: OpUpper, Fields: fields} }

// Lower converts texts to lower case.
func Lower(fields ...string) Operation { return Operation{Kind: OpLower, Fields: fields} }

// Hash replaces texts and numbers by their HMAC-SHA-256 with the key in
// Shape.HashSecret, as 64 hexadecimal digits. Of a number it is that of its digits.
func Hash(fields ...string) Operation { return Operation{Kind: OpHash, Fields: fields} }

// KeepWhere filters out the records whose field has none of the values. A text is
// compared as it is, a number, boolean or null as it is written in JSON. A field that
// does not exist, an object and an array have no such value.
func KeepWhere(field string, values ...string) Operation {
	return Operation{Kind: OpKeepWhere, Fields: []string{field}, Values: values}
}

// DropWhere filters out the records whose field has one of the values.
func DropWhere(field string, values ...string) Operation {
	return Operation{Kind: OpDropWhere, Fields: []string{field}, Values: values}
}

// JQ applies a jq program (https://jqlang.org/manual) to the record. No result filters the
// record out; more than one is an error. Numbers that the program passes on keep their
// digits; it computes integers exactly and other numbers as 64-bit floating point. The
// keys of objects are sorted. Functions whose result is not the same each time, such as
// now, are not allowed, because repeated work must have the same result.
func JQ(program string) Operation { return Operation{Kind: OpJQ, Program: program} }

// Validate reports everything that is wrong with s at once, as errors joined by
// errors.Join. Each names the operation. It does not compile the programs of JQ, because
// this package has no dependencies.
func (s Shape) Validate() error { return errors.Join(s.problems()...) }

func (s Shape) problems() (errs []error) {
	if len(s.Operations) == 0 && s.HashSecret == "" {
		return nil
	}
	add := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", field, fmt.Sprintf(format, args...)))
	}
	hashes := false
	for i, o := range s.Operations {
		o.validate(func(field, format string, args ...any) {
			add(fmt.Sprintf("Shape.Operations[%d] (%s)%s", i, o.Kind, field), format, args...)
		})
		hashes = hashes || o.Kind == OpHash
	}
	if hashes != (s.HashSecret != "") {
		add("Shape.HashSecret", "%q: is required by Hash, and allowed only with it", s.HashSecret)
	}
	return errs
}

func (o Operation) validate(add func(string, string, ...any)) {
	if !slices.Contains(operationKinds, o.Kind) {
		add("", "the kind is none of %q", operationKinds)
		return
	}
	if o.Kind == OpJQ {
		if strings.TrimSpace(o.Program) == "" {
			add("", "the program is empty")
		}
		return
	}
	if len(o.Fields) == 0 {
		add("", "names no field")
	}
	paths := o.Fields
	if o.Kind == OpRename {
		paths = append(slices.Clone(paths), o.To)
	}
	for _, path := range paths {
		if _, err := SplitPath(path); err != nil {
			add("", "%s", err)
		}
	}
	switch o.Kind {
	case OpConstant, OpDefault:
		if !json.Valid(o.Value) {
			add("", "has no value that JSON can represent")
		}
	case OpOrigin:
		if !slices.Contains(originValues, o.Origin) {
			add("", "%q is none of %q", o.Origin, originValues)
		}
	case OpNumber:
		o.validateSeparators(add)
	case OpTimestamp:
		o.validateTimestamp(add)
	case OpKeepWhere, OpDropWhere:
		if len(o.Values) == 0 {
			add("", "has no values to compare %q with", o.Fields)
		}
	}
}

func (o Operation) validateSeparators(add func(string, string, ...any)) {
	for _, separator := range []string{o.Decimal, o.Thousands} {
		if len(separator) > 1 || separator != "" && strings.ContainsAny(separator, "0123456789+-eE") {
			add("", "separator %q must be one ASCII character other than digits, signs and e", separator)
		}
	}
	if o.Thousands != "" && (o.Thousands == o.Decimal || o.Decimal == "" && o.Thousands == ".") {
		add("", "%q cannot separate both thousands and decimals", o.Thousands)
	}
}

func (o Operation) validateTimestamp(add func(string, string, ...any)) {
	// "Local" is the zone of the machine.
	if _, err := time.LoadLocation(o.Zone); err != nil || o.Zone == "Local" {
		add("", "zone %q is no name of the IANA time zone database, such as \"Europe/Berlin\"", o.Zone)
	}
	if o.Layout == UnixSeconds || o.Layout == UnixMilliseconds {
		if o.Zone != "" {
			add("", "layout %q has no zone, %q is given", o.Layout, o.Zone)
		}
		return
	}
	// A layout without elements of a date formats different times alike.
	day := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	if o.Layout == "" || day.Format(o.Layout) == day.AddDate(1, 1, 1).Format(o.Layout) {
		add("", "layout %q has no date: write how 2 January 2006, 15:04:05 is written, such as \"02.01.2006 15:04:05\"", o.Layout)
	}
}
