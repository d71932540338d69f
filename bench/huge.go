package main

import (
	"bytes"
	"context"
)

// repeated is how much content a huge object is made of: the same again and again.
const repeatedRecords = 120_000

// hugeFiles takes objects of size bytes, uncompressed, through unpack, and the
// parts of the last through load: what grows with the object, shows.
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
		b.s3.put(sourceBucket+"/huge."+form, s3Object{object.open, object.size()})
		b.dynamo.start()
		o, err := b.unpack(ctx, "huge."+form)
		if err != nil {
			return err
		}
		h := hugeResult{"unpack", form, mb, records, o.usage, b.dynamo.ledgerSum("records") == records}
		r.Huge = append(r.Huge, h)
		b.say("unpack of %.0f MB %s: %.1f CPU s, %.1f MB peak, complete: %v", mb, form, h.CPUSeconds, h.PeakMB, h.Complete)
		if form != formNDJSON {
			continue
		}
		b.dynamo.countOnly()
		l, err := b.load(ctx, o.parts)
		if err != nil {
			return err
		}
		h = hugeResult{"load", form, mb, records, l.usage, b.dynamo.ledgerSum("stored") == records}
		r.Huge = append(r.Huge, h)
		b.say("load of %.0f MB: %.1f CPU s, %.1f MB peak, complete: %v", mb, h.CPUSeconds, h.PeakMB, h.Complete)
	}
	b.s3.clear(landingBucket + "/")
	return nil
}

func hugeObject(form string, content []byte, times int) (*rope, error) {
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
	// Members of their own: the format's way to add to a file.
	out := &rope{}
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
