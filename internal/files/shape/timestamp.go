package shape

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"
	_ "time/tzdata" // the functions' machines have no time zone database

	"example.com/ingestion/feed"
)

// maxUnix bounds numbers of milliseconds: beyond it no time has a year of RFC 3339.
const maxUnix = 1_000_000_000_000_000

func timestamp(layout, zone string) (convert, error) {
	if layout == feed.UnixSeconds || layout == feed.UnixMilliseconds {
		return unixTime(layout == feed.UnixMilliseconds), nil
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("zone %q: %w", zone, err)
	}
	return func(s *Shaper, raw, text []byte) ([]byte, error) {
		if raw[0] != '"' {
			return nil, errors.New("is not a text")
		}
		text = bytes.TrimSpace(text)
		if len(text) == 0 {
			return null, nil
		}
		t, err := parseTime(layout, string(text), location)
		if err != nil {
			return nil, err
		}
		return s.timestampText(t)
	}, nil
}

// timestampText returns a time in RFC 3339, UTC.
func (s *Shaper) timestampText(t time.Time) ([]byte, error) {
	t = t.UTC()
	if t.Year() < 0 || t.Year() > 9999 {
		return nil, errors.New("is outside the years 0 to 9999, which RFC 3339 has")
	}
	return s.retain(func(dst []byte) []byte {
		return append(t.AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
	}), nil
}

// parseTime parses a time. Of a local time that exists twice it returns the earlier one;
// package time does not say which one it returns.
func parseTime(layout, text string, location *time.Location) (time.Time, error) {
	t, err := time.ParseInLocation(layout, text, location)
	if err != nil {
		return t, fmt.Errorf("does not have the layout %q", layout)
	}
	if t.Location() != location || location == time.UTC {
		return t, nil
	}
	// Without a zone, the text has the same clock in UTC, unless the clocks of the location
	// skip it.
	clock, err := time.Parse(layout, text)
	if err != nil || clock.Location() != time.UTC {
		return t, nil
	}
	_, offset := t.Zone()
	if !t.Add(time.Duration(offset) * time.Second).Equal(clock) {
		return t, fmt.Errorf("does not exist in the zone %s: clocks skip it", location)
	}
	start, _ := t.ZoneBounds()
	if start.IsZero() {
		return t, nil
	}
	_, before := start.Add(-1).Zone()
	if earlier := t.Add(time.Duration(offset-before) * time.Second); earlier.Before(start) {
		return earlier, nil
	}
	return t, nil
}

// unixTime converts whole numbers of seconds or milliseconds, also in texts.
func unixTime(milliseconds bool) convert {
	return func(s *Shaper, _, text []byte) ([]byte, error) {
		text = bytes.TrimSpace(text)
		if len(text) == 0 {
			return null, nil
		}
		n, err := strconv.ParseInt(string(text), 10, 64)

		if err != nil || n > maxUnix || n < -maxUnix {
			return nil, errors.New("is not a whole number of seconds or milliseconds since 1970")
		}
		if milliseconds {
			return s.timestampText(time.UnixMilli(n))
		}
		return s.timestampText(time.Unix(n, 0))
	}
}
