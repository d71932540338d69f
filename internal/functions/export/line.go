package export

import (
	"encoding/json"
	"fmt"
	"time"
)

// A line of a change object is one JSON object, without white space:
//
//	{"event":…,"sequence":…,"event_id":…,"changed_at":…,"pk":…,"sk":…,"id":…,"feed":…,"upload":…,
//	 "source":…,"version":…,"entry":…,"ordinal":…,"data":…}
//
// A removal ends after "upload". The members are a contract: Snowflake's statements
// select them by name.

// imageNames are the attributes that a line takes from the item's image, in the
// line's order. The others are derived from the keys. Foreign attributes of a record
// are not exported.
var imageNames = [...]string{"source", "version", "entry", "ordinal", "data"}

// liner encodes lines.
type liner struct {
	image decoder // its dst is reused for each image
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
		if dst, err = l.appendImage(dst, c.Change.NewImage); err != nil {
			return dst, err
		}
	}
	return append(dst, '}', '\n'), nil
}

// appendImage appends the members from the image. A missing attribute is null, so that
// every line has the same members.
func (l *liner) appendImage(dst, image []byte) ([]byte, error) {
	l.image = decoder{src: image, dst: l.image.dst[:0]}
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
	for i, name := range imageNames {
		dst = append(dst, `,"`...)
		dst = append(dst, name...)
		dst = append(dst, `":`...)
		if value := found[i]; value.to > 0 {
			dst = append(dst, l.image.dst[value.from:value.to]...)
		} else {
			dst = append(dst, "null"...)
		}
	}
	return dst, nil
}
