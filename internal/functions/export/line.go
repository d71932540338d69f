package export

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"example.com/ingestion/internal/ids"
)

// A line of a change object is one JSON object, without white space:
//
//	{"event":…,"sequence":…,"event_id":…,"changed_at":…,"pk":…,"sk":…,"id":…,"feed":…,"upload":…,
//	 "source":…,"version":…,"source_time":…,"entry":…,"ordinal":…,"data":…}
//
// A removal ends after "upload". The members are a contract: Snowflake's statements
// select them by name.

// imageNames are the attributes that a line takes from the item's image, in the
// line's order. An item has the data, and some have the entry: the ordinal is derived
// from the keys, and what else is missing is taken from the ledger's upload. Foreign
// attributes of a record are not exported.
var imageNames = [...]string{"source", "version", "source_time", "entry", "ordinal", "data"}

// liner encodes lines.
type liner struct {
	image decoder // its dst is reused for each image
	// origin returns what the records of an upload have in common.
	origin func(feedName, upload string) (origin, error)
}

// append appends the line of a change to dst, with its line break.
func (l *liner) append(dst []byte, c change) ([]byte, error) {
	id, err := json.Marshal(c.EventID)
	if err != nil {
		return dst, fmt.Errorf("event ID %q: %w", c.EventID, err)
	}
	pk, sk := c.Change.Keys.Partition.S, c.Change.Keys.Sort.S
	// A record's keys need no escaping, see classify.
	dst = append(dst, `{"event":"`...)
	dst = append(dst, c.EventName...)
	dst = append(dst, `","sequence":"`...)
	dst = append(dst, c.sequence...)
	dst = append(dst, `","event_id":`...)
	dst = append(dst, id...)
	dst = append(dst, `,"changed_at":"`...)
	dst = c.time.AppendFormat(dst, time.RFC3339)
	dst = append(dst, `","pk":"`...)
	dst = append(dst, pk...)
	dst = append(dst, `","sk":"`...)
	dst = append(dst, sk...)
	dst = append(dst, `","id":"`...)
	dst = append(dst, c.upload...)
	dst = append(dst, '/')
	dst = append(dst, sk...)
	dst = append(dst, `","feed":"`...)
	dst = append(dst, c.feed...)
	dst = append(dst, `","upload":"`...)
	dst = append(dst, c.upload...)
	dst = append(dst, '"')
	if c.EventName != eventRemove {
		if dst, err = l.appendImage(dst, c); err != nil {
			return dst, err
		}
	}
	return append(dst, '}', '\n'), nil
}

// appendImage appends the members from the image, or from the upload. What neither has is
// null, so that every line has the same members.
func (l *liner) appendImage(dst []byte, c change) ([]byte, error) {
	l.image = decoder{src: c.Change.NewImage, dst: l.image.dst[:0]}
	var found [len(imageNames)]span
	err := l.image.attributes(func(name []byte, value span) {
		for i, wanted := range imageNames {
			if string(name) == wanted {
				found[i] = value
			}
		}
	})
	if err != nil {
		return dst, fmt.Errorf("new image: %w", err)
	}
	o, err := l.origin(c.feed, c.upload)
	if err != nil {
		return dst, err
	}
	for i, name := range imageNames {
		dst = append(dst, `,"`...)
		dst = append(dst, name...)
		dst = append(dst, `":`...)
		value := found[i]
		switch {
		case value.to > 0:
			dst = append(dst, l.image.dst[value.from:value.to]...)
		case name == "ordinal":
			_, _, ordinal, err := ids.ParseRecordID(c.upload + "/" + c.Change.Keys.Sort.S)
			if err != nil {
				return dst, err
			}
			dst = strconv.AppendInt(dst, ordinal, 10)
		case o.members[name] != "":
			dst = append(dst, o.members[name]...)
		default:
			dst = append(dst, "null"...)
		}
	}
	return dst, nil
}
