package record

import (
	"bytes"
	"runtime"
	"strconv"
	"testing"

	"example.com/ingestion/feed"
)

// The memory for the keys of the largest record is bounded: it is allocated by Split
// besides the window.
func TestMemoryOfManyKeys(t *testing.T) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i := 0; b.Len() < feed.DefaultMaxRecordBytes-16; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		b.WriteString(strconv.FormatInt(int64(i), 36))
		b.WriteString(`":0`)
	}
	b.WriteByte('}')
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c := &counted{}
	if _, err := Split(bytes.NewReader(b.Bytes()), feed.Format{Kind: feed.JSON}, feed.Limits{}, c); err != nil || c.records != 1 {
		t.Fatal(c.records, err)
	}
	runtime.ReadMemStats(&after)
	allocated := (after.TotalAlloc - before.TotalAlloc) >> 20
	t.Logf("%d MB allocated in total", allocated)
	// 32 MB are the windows of growing size, the remainder the growing list of keys.
	if allocated > 210 {
		t.Errorf("%d MB allocated, want at most 210", allocated)
	}
}

type counted struct{ records, rejected int }

func (c *counted) Record(int64, []byte) error { c.records++; return nil }
func (c *counted) Reject(Rejection) error     { c.rejected++; return nil }
