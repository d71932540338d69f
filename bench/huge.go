package main

import (
	"bytes"
	"context"
)

// repeatedRecords is the number of different records in a huge object, which repeats them.
const repeatedRecords = 120_000

// hugeFiles unpacks objects of size uncompressed bytes in each form and loads the
// parts of the last one, to show what grows with the size of the object.
func (b *bench) hugeFiles(ctx context.Context, size int64, r *results) error {
	content := generate(repeatedRecords).ndjson
	times := int(size/int64(len(content))) + 1
	records := int64(times) * repeatedRecords
	mb := float64(times) * float64(len(content)) / 1e6
	for _, form := range []string{formArray, formZip, formNDJSON} {
		object, err := hugeObject(form, content, times)
		if err != nil {
			return err
		}
		b.s3.SetContent(sourceBucket, "huge."+form, object.size(), "huge", object.open)
		b.table.reset()
		o, err := b.unpack(ctx, "huge."+form)
		if err != nil {
			return err
		}
		h := hugeResult{"unpack", form, mb, records, o.usage, b.table.ledgerSum("records") == records}
		r.Huge = append(r.Huge, h)
		b.logf("unpack of %.0f MB %s: %.1f CPU s, %.1f MB peak, complete: %v", mb, form, h.CPUSeconds, h.PeakMB, h.Complete)
		if form != formNDJSON {
			continue
		}
		b.table.countOnly()
		l, err := b.load(ctx, "load")
		if err != nil {
			return err
		}
		h = hugeResult{"load", form, mb, records, l.usage, b.table.ledgerSum("stored") == records}
		r.Huge = append(r.Huge, h)
		b.logf("load of %.0f MB: %.1f CPU s, %.1f MB peak, complete: %v", mb, h.CPUSeconds, h.PeakMB, h.Complete)
	}
	b.clearLandingBucket()
	return nil
}

func hugeObject(form string, content []byte, times int) (*pieces, error) {
	if form == formZip {
		return zipped("records.ndjson", content, times)
	}
	first, middle := content, content
	var end []byte
	if form == formArray {
		first = array(content)
		first = first[:len(first)-1]
		middle = bytes.Clone(first)
		middle[0] = ','
		end = []byte{']'}
	}
	// A gzip file may have several members.
	out := &pieces{}
	for i, piece := range [][]byte{first, middle, end} {
		z, err := gzipped(piece)
		if err != nil {
			return nil, err
		}
		for range []int{1, times - 1, 1}[i] {
			if _, err := out.Write(z); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}
