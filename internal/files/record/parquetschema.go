package record

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// parquetField is a field of a Parquet schema. Parquet stores only the leaves, the values
// of a column with repetition and definition levels ("Dremel").
type parquetField struct {
	name     string
	key      []byte // name as a key in JSON
	optional bool
	repeated bool
	children []*parquetField
	// first and last are the columns of its leaves, last exclusive.
	first, last int
	// definition and repetition are the maximum levels up to the field.
	definition, repetition int
	kind                   parquetKind
	text                   bool                                                        // a leaf that is a string
	write                  func(dst []byte, v parquet.Value, nan bool) ([]byte, error) // of a leaf
}

// parquetKind is how a group is written.
type parquetKind byte

const (
	parquetObject parquetKind = iota
	parquetList               // its only child is repeated
	parquetMap                // the same, of keys and values
)

// invalidValue is the error of a value that is no record's.
type invalidValue struct{ reason, text string }

func (e invalidValue) Error() string { return e.text }

// maxParquetNesting is the largest depth of groups in a schema.
const maxParquetNesting = 100

var errSchema = errors.New("the schema is invalid")

// newParquetSchema builds the tree of the schema, which a file has in depth-first order.
func newParquetSchema(elements []format.SchemaElement) (*parquetField, error) {
	b := &schemaBuilder{elements: elements}
	root, err := b.next(nil, 0)
	if err != nil {
		return nil, err
	}
	if len(b.elements) > 0 || root.write != nil {
		return nil, errSchema
	}
	return root, nil
}

type schemaBuilder struct {
	elements []format.SchemaElement
	column   int
}

func (b *schemaBuilder) next(parent *parquetField, depth int) (*parquetField, error) {
	if len(b.elements) == 0 || depth > maxParquetNesting {
		return nil, errSchema
	}
	e := b.elements[0]
	b.elements = b.elements[1:]
	f := &parquetField{name: e.Name, key: append(appendText(nil, []byte(e.Name)), ':'), first: b.column}
	if !utf8.ValidString(e.Name) {
		return nil, fmt.Errorf("the name of the column %q is not UTF-8", e.Name)
	}
	if parent != nil {
		f.definition, f.repetition = parent.definition, parent.repetition
		f.optional = e.RepetitionType.Valid && e.RepetitionType.V == format.Optional
		f.repeated = e.RepetitionType.Valid && e.RepetitionType.V == format.Repeated
	}
	if f.optional || f.repeated {
		f.definition++
	}
	if f.repeated {
		f.repetition++
	}
	if e.NumChildren.Valid && e.NumChildren.V > 0 || !e.Type.Valid {
		for range e.NumChildren.V {
			child, err := b.next(f, depth+1)
			if err != nil {
				return nil, err
			}
			f.children = append(f.children, child)
		}
		f.kind = groupKind(e, f)
	} else {
		f.write = leafWriter(e)
		switch e.LogicalType.Value.(type) {
		case *format.StringType, *format.EnumType, *format.UUIDType:
			f.text = true
		}
		f.text = f.text || e.ConvertedType.Valid && (e.ConvertedType.V == deprecated.UTF8 || e.ConvertedType.V == deprecated.Enum)
		b.column++
	}
	f.last = b.column
	if f.first == f.last {
		return nil, fmt.Errorf("%w: the group %q has no columns", errSchema, e.Name)
	}
	return f, nil
}

// groupKind tells lists and maps from other groups ("Parquet Logical Type Definitions").
func groupKind(e format.SchemaElement, f *parquetField) parquetKind {
	list, isMap := false, false
	switch e.LogicalType.Value.(type) {
	case *format.ListType:
		list = true
	case *format.MapType:
		isMap = true
	}
	if e.ConvertedType.Valid {
		list = list || e.ConvertedType.V == deprecated.List
		isMap = isMap || e.ConvertedType.V == deprecated.Map || e.ConvertedType.V == deprecated.MapKeyValue
	}
	if len(f.children) != 1 || !f.children[0].repeated || f.repeated && isMap {
		return parquetObject
	}
	switch {
	case list:
		return parquetList
	case isMap && len(f.children[0].children) == 2:
		return parquetMap
	}
	return parquetObject
}

// duplicate returns the name of a column that a group has twice.
func (f *parquetField) duplicate() string {
	seen := map[string]bool{}
	for _, c := range f.children {
		if seen[c.name] {
			return c.name
		}
		seen[c.name] = true
		if name := c.duplicate(); name != "" {
			return name
		}
	}
	return ""
}

// repeats appends for each column below f whether it can have several values in a row.
func (f *parquetField) repeats(dst []bool) []bool {
	if f.write != nil {
		return append(dst, f.repetition > 0)
	}
	for _, c := range f.children {
		dst = c.repeats(dst)
	}
	return dst
}

// of returns the values of a field among those of its parent.
func (f *parquetField) of(parent *parquetField, values [][]parquet.Value) [][]parquet.Value {
	return values[f.first-parent.first : f.last-parent.first]
}

// appendField appends the value of f, with values of its columns.
func (f *parquetField) appendField(dst []byte, values [][]parquet.Value, nan bool) ([]byte, error) {
	defined := values[0][0].DefinitionLevel() >= f.definition
	switch {
	case f.repeated:
		return f.appendItems(dst, values, nan, defined, f)
	case f.optional && !defined:
		return append(dst, "null"...), nil
	}
	return f.appendValue(dst, values, nan)
}

// appendItems appends the items of the repeated field f as an array of the field item.
func (f *parquetField) appendItems(dst []byte, values [][]parquet.Value, nan, defined bool, item *parquetField) ([]byte, error) {
	dst = append(dst, '[')
	if defined {
		first := true
		err := f.each(values, func(values [][]parquet.Value) (err error) {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			if item == f {
				dst, err = f.appendValue(dst, values, nan)
			} else {
				dst, err = item.appendField(dst, item.of(f, values), nan)
			}
			return err
		})
		if err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

// each calls do with the values of each item of a repeated field: an item begins where
// the repetition level is at most that of the field.
func (f *parquetField) each(values [][]parquet.Value, do func([][]parquet.Value) error) error {
	rest := append([][]parquet.Value(nil), values...)
	item := make([][]parquet.Value, len(values))
	for len(rest[0]) > 0 {
		for c := range rest {
			n := 1
			for n < len(rest[c]) && rest[c][n].RepetitionLevel() > f.repetition {
				n++
			}
			item[c], rest[c] = rest[c][:n], rest[c][n:]
		}
		if err := do(item); err != nil {
			return err
		}
	}
	return nil
}

// appendValue appends a value of f that is not null, or one item of it.
func (f *parquetField) appendValue(dst []byte, values [][]parquet.Value, nan bool) ([]byte, error) {
	if f.write != nil {
		dst, err := f.write(dst, values[0][0], nan)
		var invalid invalidValue
		if errors.As(err, &invalid) {
			invalid.text = fmt.Sprintf("column %q: %s", f.name, invalid.text)
			err = invalid
		}
		return dst, err
	}
	switch f.kind {
	case parquetList:
		item := f.children[0]
		defined := values[0][0].DefinitionLevel() >= item.definition
		element := item
		// Old writers have no group around the element.
		if len(item.children) == 1 && item.name != "array" && item.name != f.name+"_tuple" {
			element = item.children[0]
		}
		return item.appendItems(dst, values, nan, defined, element)
	case parquetMap:
		return f.appendMap(dst, values, nan)
	default:
		return f.appendGroup(dst, values, nan)
	}
}

// appendGroup appends a group as an object.
func (f *parquetField) appendGroup(dst []byte, values [][]parquet.Value, nan bool) ([]byte, error) {
	dst = append(dst, '{')
	for i, child := range f.children {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, child.key...)
		var err error
		if dst, err = child.appendField(dst, child.of(f, values), nan); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// appendMap appends a map as an object if its keys are text in JSON, and otherwise as an
// array of objects with key and value.
func (f *parquetField) appendMap(dst []byte, values [][]parquet.Value, nan bool) ([]byte, error) {
	item := f.children[0]
	key, value := item.children[0], item.children[1]
	defined := values[0][0].DefinitionLevel() >= item.definition
	if !key.text {
		return item.appendItems(dst, values, nan, defined, item)
	}
	dst = append(dst, '{')
	if !defined {
		return append(dst, '}'), nil
	}
	seen := map[string]bool{}
	err := item.each(values, func(values [][]parquet.Value) (err error) {
		if len(seen) > 0 {
			dst = append(dst, ',')
		}
		from := len(dst)
		if dst, err = key.appendField(dst, key.of(item, values), nan); err != nil {
			return err
		}
		name := string(dst[from:])
		if seen[name] || name[0] != '"' {
			return invalidValue{DuplicateKey, fmt.Sprintf("column %q: the map has the key %s twice, or a key that is null", f.name, clip([]byte(name)))}
		}
		seen[name] = true
		dst = append(dst, ':')
		dst, err = value.appendField(dst, value.of(item, values), nan)
		return err
	})
	return append(dst, '}'), err
}

// appendText appends a string in JSON.
func appendText(dst, text []byte) []byte {
	var r rows
	return r.quote(dst, string(text))
}

// leafWriter returns the function that writes the values of a column.
func leafWriter(e format.SchemaElement) func([]byte, parquet.Value, bool) ([]byte, error) {
	switch t := e.LogicalType.Value.(type) {
	case *format.StringType, *format.EnumType, *format.JsonType:
		return writeText
	case *format.UUIDType:
		return writeUUID
	case *format.DecimalType:
		return writeDecimal(int(t.Scale))
	case *format.DateType:
		return writeDate
	case *format.TimeType:
		return writeTime(unitOf(t.Unit))
	case *format.TimestampType:
		return writeTimestamp(unitOf(t.Unit), t.IsAdjustedToUTC)
	case *format.IntType:
		if !t.IsSigned {
			return writeUnsigned
		}
	case *format.Float16Type:
		return writeFloat16
	case *format.NullType:
		return func(dst []byte, _ parquet.Value, _ bool) ([]byte, error) { return append(dst, "null"...), nil }
	}
	if e.ConvertedType.Valid {
		switch e.ConvertedType.V {
		case deprecated.UTF8, deprecated.Enum, deprecated.Json:
			return writeText
		case deprecated.Decimal:
			return writeDecimal(int(e.Scale.V))
		case deprecated.Date:
			return writeDate
		case deprecated.TimeMillis:
			return writeTime(time.Millisecond)
		case deprecated.TimeMicros:
			return writeTime(time.Microsecond)
		case deprecated.TimestampMillis:
			return writeTimestamp(time.Millisecond, true)
		case deprecated.TimestampMicros:
			return writeTimestamp(time.Microsecond, true)
		case deprecated.Uint8, deprecated.Uint16, deprecated.Uint32, deprecated.Uint64:
			return writeUnsigned
		}
	}
	return writePlain
}

func unitOf(unit format.TimeUnit) time.Duration {
	switch unit.Value.(type) {
	case *format.MilliSeconds:
		return time.Millisecond
	case *format.MicroSeconds:
		return time.Microsecond
	}
	return time.Nanosecond
}

// writePlain writes a value without a logical type: bytes as base64.
func writePlain(dst []byte, v parquet.Value, nan bool) ([]byte, error) {
	switch v.Kind() {
	case parquet.Boolean:
		return strconv.AppendBool(dst, v.Boolean()), nil
	case parquet.Int32:
		return strconv.AppendInt(dst, int64(v.Int32()), 10), nil
	case parquet.Int64:
		return strconv.AppendInt(dst, v.Int64(), 10), nil
	case parquet.Int96:
		return writeInt96(dst, v.Int96()), nil
	case parquet.Float:
		return writeFloat(dst, float64(v.Float()), 32, nan)
	case parquet.Double:
		return writeFloat(dst, v.Double(), 64, nan)
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), v.ByteArray()), '"'), nil
	}
	return append(dst, "null"...), nil
}

func writeFloat(dst []byte, f float64, bits int, nan bool) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		if nan {
			return append(dst, "null"...), nil
		}
		return dst, invalidValue{InvalidJSON, fmt.Sprintf("%v is not JSON: the option NaNAsNull of the feed's format reads it as null", f)}
	}
	return strconv.AppendFloat(dst, f, 'g', -1, bits), nil
}

func writeFloat16(dst []byte, v parquet.Value, nan bool) ([]byte, error) {
	b := v.ByteArray()
	if len(b) != 2 {
		return dst, errSchema
	}
	bits := binary.LittleEndian.Uint16(b)
	sign, exponent, fraction := 1-2*float64(bits>>15), int(bits>>10&31), float64(bits&1023)
	switch {
	case exponent == 31 && fraction != 0:
		return writeFloat(dst, math.NaN(), 32, nan)
	case exponent == 31:
		return writeFloat(dst, math.Inf(int(sign)), 32, nan)
	case exponent == 0:
		return writeFloat(dst, sign*math.Ldexp(fraction, -24), 32, nan)
	}
	return writeFloat(dst, sign*math.Ldexp(1024+fraction, exponent-25), 32, nan)
}

func writeText(dst []byte, v parquet.Value, _ bool) ([]byte, error) {
	b := v.ByteArray()
	if !utf8.Valid(b) {
		return dst, invalidValue{InvalidUTF8, "a string is not valid UTF-8"}
	}
	return appendText(dst, b), nil
}

func writeUUID(dst []byte, v parquet.Value, _ bool) ([]byte, error) {
	b := v.ByteArray()
	if len(b) != 16 {
		return dst, errSchema
	}
	return fmt.Appendf(dst, `"%x-%x-%x-%x-%x"`, b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}

func writeUnsigned(dst []byte, v parquet.Value, _ bool) ([]byte, error) {
	if v.Kind() == parquet.Int32 {
		return strconv.AppendUint(dst, uint64(v.Uint32()), 10), nil
	}
	return strconv.AppendUint(dst, v.Uint64(), 10), nil
}

// writeDecimal writes decimals as numbers with all of their digits.
func writeDecimal(scale int) func([]byte, parquet.Value, bool) ([]byte, error) {
	return func(dst []byte, v parquet.Value, _ bool) ([]byte, error) {
		n := new(big.Int)
		switch v.Kind() {
		case parquet.Int32:
			n.SetInt64(int64(v.Int32()))
		case parquet.Int64:
			n.SetInt64(v.Int64())
		default:
			b := v.ByteArray()
			n.SetBytes(b)
			if len(b) > 0 && b[0] >= 0x80 { // two's complement
				n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
			}
		}
		if scale < 0 || scale > 1000 {
			return dst, errSchema
		}
		if n.Sign() < 0 {
			dst = append(dst, '-')
			n.Neg(n)
		}
		digits := n.String()
		for len(digits) <= scale {
			digits = "0" + digits
		}
		dst = append(dst, digits[:len(digits)-scale]...)
		if scale > 0 {
			dst = append(append(dst, '.'), digits[len(digits)-scale:]...)
		}
		return dst, nil
	}
}

func writeDate(dst []byte, v parquet.Value, _ bool) ([]byte, error) {
	return time.Unix(int64(v.Int32())*24*60*60, 0).UTC().AppendFormat(dst, `"2006-01-02"`), nil
}

func writeTime(unit time.Duration) func([]byte, parquet.Value, bool) ([]byte, error) {
	return func(dst []byte, v parquet.Value, _ bool) ([]byte, error) {
		n := v.Int64()
		if v.Kind() == parquet.Int32 {
			n = int64(v.Int32())
		}
		return moment(n, unit).AppendFormat(dst, `"15:04:05.999999999"`), nil
	}
}

func writeTimestamp(unit time.Duration, utc bool) func([]byte, parquet.Value, bool) ([]byte, error) {
	layout := `"2006-01-02T15:04:05.999999999"`
	if utc {
		layout = `"2006-01-02T15:04:05.999999999Z"`
	}
	return func(dst []byte, v parquet.Value, _ bool) ([]byte, error) {
		return moment(v.Int64(), unit).AppendFormat(dst, layout), nil
	}
}

// moment is n units after 1970.
func moment(n int64, unit time.Duration) time.Time {
	each := int64(time.Second / unit)
	seconds, rest := n/each, n%each
	return time.Unix(seconds, rest*int64(unit)).UTC()
}

// writeInt96 writes a timestamp as Impala and Spark stored it: nanoseconds of the day,
// and the Julian day.
func writeInt96(dst []byte, v deprecated.Int96) []byte {
	const julian1970 = 2440588
	nanos := int64(v[1])<<32 | int64(v[0])
	t := time.Unix((int64(v[2])-julian1970)*24*60*60, 0).Add(time.Duration(nanos)).UTC()
	return t.AppendFormat(dst, `"2006-01-02T15:04:05.999999999"`)
}
