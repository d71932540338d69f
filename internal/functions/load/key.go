package load

import (
	"encoding/json"
	"fmt"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/recordkey"
	"example.com/ingestion/internal/store/landing"
	"example.com/ingestion/internal/store/ledger"
)

// keyWriter appends the attributes of the index by key. They follow from the record and its
// origin alone: a repeated or replayed part writes the same ones.
type keyWriter struct {
	find *recordkey.Finder
	// times is, by upload, the JSON of the sort key's attribute up to the entry. A part has
	// several uploads if small ones share it.
	times map[string][]byte
	// size is that of the attributes without the key, as DynamoDB counts it, in bytes.
	size int
}

// newKeyWriter returns nil for a part without a key.
func newKeyWriter(p *ledger.Part) (*keyWriter, error) {
	if p.RecordKey == nil {
		return nil, nil //nolint:nilnil // the records have no key
	}
	find, err := recordkey.New(p.Feed, *p.RecordKey)
	if err != nil {
		return nil, err
	}
	k := &keyWriter{find: find, times: map[string][]byte{}}
	k.add(p.Upload, p.Time)
	for _, m := range p.Members {
		k.add(m.Upload, m.Time())
	}
	return k, nil
}

func (k *keyWriter) add(upload string, sourceTime time.Time) {
	value := ids.KeyTime(sourceTime, upload) + "/"
	k.times[upload] = fmt.Appendf(nil, `"},"%s":{"S":"%s`, feed.KeyIndexSortKey, value)
	k.size = len(feed.KeyIndexPartitionKey) + len(feed.KeyIndexSortKey) + len(value) + ids.EntryDigits + 1 + ids.OrdinalDigits
}

// append appends the attributes of a record, with a comma behind each, to an item of a
// size, and returns both. The error is that of a record that must have a key and has none.
func (k *keyWriter) append(item []byte, size int, rec landing.Line) ([]byte, int, error) {
	if k == nil {
		return item, size, nil
	}
	key, err := k.find.Find(rec.Data)
	switch {
	case err == nil:
	case k.find.Optional():
		return item, size, nil
	default:
		return item, size, err
	}
	size += k.size + len(key)
	item = append(append(item, '"'), feed.KeyIndexPartitionKey...)
	item = append(item, `":{"S":"`...)
	if item, err = appendText(item, key); err != nil {
		return item, size, err
	}
	before, known := k.times[string(rec.ID[:ids.IDLength])]
	if !known {
		return item, size, fmt.Errorf("record %s: its upload is none of the part's", rec.ID)
	}
	item = append(item, before...)
	item = append(item, rec.Sort...)
	return append(item, `"},`...), size, nil
}

// appendText appends a text as the content of a JSON string.
func appendText(dst, text []byte) ([]byte, error) {
	for _, c := range text {
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		quoted, err := json.Marshal(string(text))
		if err != nil {
			return dst, err
		}
		return append(dst, quoted[1:len(quoted)-1]...), nil
	}
	return append(dst, text...), nil
}
