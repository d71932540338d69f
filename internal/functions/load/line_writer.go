package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/batchwrite"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/recordkey"
	"example.com/ingestion/internal/store/landing"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/quarantine"
)

// reasonRefused is the reason of a record that DynamoDB itself rejected.
const reasonRefused = "rejected_by_dynamodb"

// lineWriter writes the lines of one part. The number of a line, from 0, is the tag of
// its item.
type lineWriter struct {
	ctx    context.Context
	loader *loader
	part   *ledger.Part
	writer *batchwrite.Writer

	upload   []byte   // of the last line
	keys     [][]byte // by shard: the JSON of its items' keys up to the sort key's value
	keySize  int      // of the keys, as DynamoDB counts it, in bytes
	originOf []byte   // the origin that commonWire is of
	// commonWire are the attributes that the records of an entry have in common, with a comma
	// behind them, or empty. fixedSize is the size of an item without its payload, as DynamoDB counts it.
	commonWire []byte
	fixedSize  int
	key        *keyWriter // nil for a feed without a key

	lines int64
	from  int64 // the checkpoint: lines that earlier invocations have loaded

	refused    map[int64]error // by line: records that DynamoDB rejected
	rejections []rejection
	// quarantine is that of the upload quarantined. The lines of an upload follow one
	// another in a shared part, so one is open at a time.
	quarantine  *quarantine.Writer
	quarantined string
}

// rejection is a record that was put in quarantine. A part can have a million of them, so
// that it keeps strings that others have, too.
type rejection struct {
	line    int64
	upload  string
	reason  string
	message string // of the first of each upload, and of those that DynamoDB rejected
}

func newLineWriter(ctx context.Context, l *loader, p *ledger.Part) (*lineWriter, error) {
	key, err := newKeyWriter(p)
	return &lineWriter{ctx: ctx, loader: l, part: p, key: key, from: p.Lines, refused: map[int64]error{}}, err
}

// stop reports whether to stop at this line. It checks the time at every 64th line
// only, so that every invocation makes progress.
func (w *lineWriter) stop() bool {
	done := w.lines - w.from
	return done > 0 && done%64 == 0 && w.loader.stopping()
}

// eachLine calls yield for each line of the part.
func (w *lineWriter) eachLine(yield func([]byte) error) error {
	return w.loader.eachLine(w.ctx, w.part.Key, func(line []byte) error {
		if w.part.OwnLines {
			// The other lines of the shared part are those of other uploads.
			rec, err := landing.ParseLine(line)
			if err != nil || string(rec.ID[:ids.IDLength]) != w.part.Upload {
				return err
			}
		}
		return yield(line)
	})
}

// prepareKeys prepares the keys of an upload's records, by shard.
func (w *lineWriter) prepareKeys(upload []byte) {
	w.upload, w.keys = append(w.upload[:0], upload...), w.keys[:0]
	for shard := range max(w.part.Shards, 1) {
		// Feed names and upload IDs have no character that JSON escapes.
		pk := ids.PartitionKey(w.part.Feed, string(upload), shard)
		w.keys = append(w.keys, fmt.Appendf(nil, `"%s":{"S":"%s"},"%s":{"S":"`, feed.PartitionKey, pk, feed.SortKey))
		w.keySize = len(feed.PartitionKey) + len(pk) + len(feed.SortKey) + ids.EntryDigits + 1 + ids.OrdinalDigits
	}
}

// put writes the record of one line to the table, or to quarantine.
func (w *lineWriter) put(line []byte) error {
	if w.lines < w.from {
		w.lines++
		return nil
	}
	if w.stop() {
		return handler.ErrNearDeadline
	}
	rec, err := landing.ParseLine(line)
	if err != nil {
		return err
	}
	if upload := rec.ID[:ids.IDLength]; !bytes.Equal(upload, w.upload) {
		w.prepareKeys(upload)
	}
	if w.fixedSize == 0 || !bytes.Equal(rec.Origin, w.originOf) {
		if err := w.prepareOrigin(rec.Origin); err != nil {
			return fmt.Errorf("record %s: %w", rec.ID, err)
		}
	}
	item := append(w.writer.Next(), w.keys[ids.Shard(rec.Ordinal, len(w.keys))]...)
	item = append(item, rec.Sort...)
	item = append(item, `"},`...)
	item = append(item, w.commonWire...)
	tag := w.lines
	w.lines++
	size := w.fixedSize
	switch item, size, err = w.key.append(item, size, rec); {
	case errors.Is(err, recordkey.ErrMissing), errors.Is(err, recordkey.ErrInvalid):
		return w.reject(tag, line, reason(err), err)
	case err != nil:
		return err
	}
	item = append(item, `"data":`...)
	item, _, err = batchwrite.Value(item, rec.Data, size)
	if err != nil {
		return w.reject(tag, line, reason(err), err)
	}
	return w.writer.Commit(item, tag)
}

// prepareOrigin prepares the attributes that the records of an entry have in common: the
// path of the entry, unless it is the name of the file, and the expiry. Everything else about a record's
// origin follows from its keys, or is in the ledger's upload.
func (w *lineWriter) prepareOrigin(origin []byte) error {
	var o struct{ Source, Entry string }
	if err := json.Unmarshal(append(append([]byte{'{'}, origin...), '}'), &o); err != nil {
		return fmt.Errorf("origin: %w", err)
	}
	w.originOf = append(w.originOf[:0], origin...)
	w.commonWire, w.fixedSize = w.commonWire[:0], w.keySize+len("data")
	common := map[string]any{}
	if o.Entry != ids.EntryName(o.Source) {
		common["entry"] = o.Entry
	}
	if expiry := w.part.Expiry(); !expiry.IsZero() {
		common[feed.ExpiryAttribute] = expiry.Unix()
	}
	if len(common) == 0 {
		return nil
	}
	object, err := json.Marshal(common)
	if err != nil {
		return err
	}
	if w.commonWire, w.fixedSize, err = batchwrite.Attributes(w.commonWire, object, w.fixedSize); err != nil {
		return err
	}
	w.commonWire = append(w.commonWire, ',')
	return nil
}

// quarantineRefused puts the records before line done that DynamoDB rejected in
// quarantine. Their bytes are no longer in memory. They are rare: the part is read
// again.
func (w *lineWriter) quarantineRefused(done int64) error {
	if len(w.refused) == 0 {
		return nil
	}
	n := int64(0)
	return w.eachLine(func(line []byte) error {
		n++
		if why := w.refused[n-1]; why != nil && n <= done {
			return w.reject(n-1, line, reasonRefused, why)
		}
		return nil
	})
}

// count adds the counts of the lines before done to the part's, and completes the
// quarantine.
func (w *lineWriter) count(done int64) error {
	if err := w.closeQuarantine(); err != nil {
		return err
	}
	p := w.part
	rejected := int64(0)
	for _, r := range w.rejections {
		if r.line >= done {
			continue
		}
		rejected++
		if len(p.Members) > 0 {
			countMember(p, r)
			continue
		}
		p.Reasons = counted(p.Reasons, r.reason)
		if p.Message == "" {
			p.Message = r.message
		}
	}
	p.Rejected += rejected
	p.Stored += done - w.from - rejected
	p.Lines = done
	return nil
}

// countMember counts a rejected record of a shared part for its upload.
func countMember(p *ledger.Part, r rejection) {
	if p.Rejections == nil {
		p.Rejections = map[string]ledger.Rejections{}
	}
	m := p.Rejections[r.upload]
	m.Count++
	m.Reasons = counted(m.Reasons, r.reason)
	if m.Message == "" {
		m.Message = r.message
	}
	p.Rejections[r.upload] = m
}

func counted(reasons map[string]int64, reason string) map[string]int64 {
	if reasons == nil {
		reasons = map[string]int64{}
	}
	reasons[reason]++
	return reasons
}

// reject puts the record of a line in quarantine. A record of a line that is read
// again by another invocation is in quarantine twice, with one ID, and counted once.
func (w *lineWriter) reject(number int64, line []byte, reason string, why error) error {
	rec, err := landing.ParseLine(line)
	if err != nil {
		return err
	}
	o, err := landing.ParseOrigin(line)
	if err != nil {
		return err
	}
	r := quarantine.Record{
		ID: o.ID, Feed: o.Feed, Source: o.Source, Version: o.Version, Entry: o.Entry, Ordinal: o.Ordinal, Offset: -1,
		Stage: Stage, Reason: reason, Detail: why.Error(),
	}
	r.SetRaw(rec.Data)
	upload := o.ID[:ids.IDLength]
	rejected := rejection{line: number, upload: upload, reason: reason}
	if n := len(w.rejections); n > 0 && w.rejections[n-1].upload == upload && reason != reasonRefused {
		rejected.upload = w.rejections[n-1].upload
	} else {
		rejected.upload = strings.Clone(upload)
		rejected.message = fmt.Sprintf("entry %q, record %d: %v", o.Entry, o.Ordinal, why)
	}
	w.rejections = append(w.rejections, rejected)
	if err := w.openQuarantine(upload); err != nil {
		return err
	}
	return w.quarantine.Add(r)
}

// openQuarantine begins the quarantine of an upload.
func (w *lineWriter) openQuarantine(upload string) error {
	if w.quarantine != nil && w.quarantined == upload {
		return nil
	}
	if err := w.closeQuarantine(); err != nil {
		return err
	}
	of := ids.Upload{ID: upload, Feed: w.part.Feed, Time: w.part.Time}
	if at := slices.IndexFunc(w.part.Members, func(m ledger.Member) bool { return m.Upload == upload }); at >= 0 {
		of.Time = w.part.Members[at].Time()
	}
	w.quarantined = upload
	w.quarantine = quarantine.NewWriter(w.ctx, w.loader.S3, w.loader.Bucket, feed.DefaultQuarantinePrefix, of, Stage+"-"+w.part.Name)
	return nil
}

func (w *lineWriter) closeQuarantine() error {
	if w.quarantine == nil {
		return nil
	}
	_, _, err := w.quarantine.Close()
	w.quarantine = nil
	return err
}

// reason is the quarantine reason of a record that cannot be an item.
func reason(err error) string {
	for _, known := range []error{
		batchwrite.ErrItemTooLarge, batchwrite.ErrTooDeep, batchwrite.ErrNumberRange, recordkey.ErrMissing, recordkey.ErrInvalid,
	} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return batchwrite.ErrMalformed.Error()
}
