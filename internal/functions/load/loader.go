package load

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/batchwrite"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/landing"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/quarantine"
)

// loader writes the lines of one part.
type loader struct {
	part       *ledger.Part
	writer     *batchwrite.Writer
	quarantine *quarantine.Writer
	rejected   map[int64]error // by line, from 1: records that DynamoDB rejected
	readAgain  int64           // lines that quarantineRejected has read

	keys    [][]byte // by shard: the JSON of an item's keys up to the sort key's value
	keySize int      // of the keys, as DynamoDB counts it, in bytes
	// origin is the members that the records of an entry have in common, and
	// originWire the same as attributes. fixedSize is the size of an item without its
	// payload, as DynamoDB counts it.
	origin, originWire []byte
	fixedSize          int
	lines              int64
	from               int64 // the checkpoint: lines that earlier invocations have loaded
	nearDeadline       func() bool
}

// errNearDeadline ends the reading of a part that is continued.
var errNearDeadline = errors.New("the deadline is near")

// stop reports whether to stop at this line. It checks the time at every 64th line
// only, so that every invocation makes progress.
func (l *loader) stop() bool {
	done := l.lines - l.from
	return done > 0 && done%64 == 0 && l.nearDeadline()
}

func (l *loader) prepareKeys() {
	for shard := range max(l.part.Shards, 1) {
		// Feed names and upload IDs have no character that JSON escapes.
		pk := ids.PartitionKey(l.part.Feed, l.part.Upload, shard)
		l.keys = append(l.keys, fmt.Appendf(nil, `"%s":{"S":"%s"},"%s":{"S":"`, feed.PartitionKey, pk, feed.SortKey))
		l.keySize = len(feed.PartitionKey) + len(pk) + len(feed.SortKey) + ids.EntryDigits + 1 + ids.OrdinalDigits
	}
}

// put writes the record of one line to the table, or to quarantine.
func (l *loader) put(line []byte) error {
	if l.lines < l.from {
		l.lines++
		return nil
	}
	if l.stop() {
		return errNearDeadline
	}
	l.lines++
	rec, err := landing.ParseLine(line)
	if err != nil {
		return err
	}
	if !bytes.Equal(rec.Origin, l.origin) || l.originWire == nil {
		if err := l.prepareOrigin(rec.Origin); err != nil {
			return fmt.Errorf("record %s: %w", rec.ID, err)
		}
	}
	item := append(l.writer.Next(), l.keys[ids.Shard(rec.Ordinal, len(l.keys))]...)
	item = append(item, rec.Sort...)
	item = append(item, `"},"id":{"S":"`...)
	item = append(item, rec.ID...)
	item = append(item, `"},`...)
	item = append(item, l.originWire...)
	item = append(item, `,"ordinal":{"N":"`...)
	item = strconv.AppendInt(item, rec.Ordinal, 10)
	item = append(item, `"},"data":`...)
	item, _, err = batchwrite.Value(item, rec.Data, l.fixedSize)
	if err != nil {
		return l.reject(line, reason(err), err)
	}
	return l.writer.Commit(item, l.lines)
}

// prepareOrigin transcodes the members that the records of an entry have in common.
func (l *loader) prepareOrigin(origin []byte) error {
	object := append(append([]byte{'{'}, origin...), '}')
	wire, size, err := batchwrite.Attributes(nil, object, l.keySize)
	if err != nil {
		return err
	}
	l.origin = bytes.Clone(origin)
	l.originWire = wire
	l.fixedSize = size + len("id") + ids.RecordIDLength + len("ordinal") + 1 + (ids.OrdinalDigits+1)/2 + len("data")
	return nil
}

func (l *loader) quarantineRejected(line []byte) error {
	// Not by ordinal: a part may have records of several entries.
	l.readAgain++
	if why := l.rejected[l.readAgain]; why != nil {
		return l.reject(line, reasonRejected, why)
	}
	return nil
}

func (l *loader) reject(line []byte, reason string, why error) error {
	rec, err := landing.ParseLine(line)
	if err != nil {
		return err
	}
	o, err := landing.ParseOrigin(line)
	if err != nil {
		return err
	}
	q := quarantine.Record{
		ID: o.ID, Feed: o.Feed, Source: o.Source, Version: o.Version, Entry: o.Entry, Ordinal: o.Ordinal, Offset: -1,
		Stage: Stage, Reason: reason, Detail: why.Error(),
	}
	if l.part.Message == "" {
		l.part.Message = fmt.Sprintf("entry %q, record %d: %v", o.Entry, o.Ordinal, why)
	}
	q.SetRaw(rec.Data)
	return l.quarantine.Add(q)
}

// reason is the quarantine reason of a record that cannot be an item.
func reason(err error) string {
	for _, known := range []error{batchwrite.ErrItemTooLarge, batchwrite.ErrTooDeep, batchwrite.ErrNumberRange} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return batchwrite.ErrMalformed.Error()
}
