package quarantine_test

import (
	"bytes"
	"errors"
	"maps"
	"testing"
	"time"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/quarantine"
	"example.com/ingestion/internal/testing/fake"
)

func TestRecordsAreReadAsWritten(t *testing.T) {
	s3 := &fake.S3{}
	u := ids.New(ids.Upload{Feed: "orders", Bucket: "b", Key: "k", ETag: "e", Time: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)})
	w := quarantine.NewWriter(t.Context(), s3, "landing", "quarantine/", u, "unpack")
	raws := [][]byte{[]byte(`{"a":`), {0xff, 0x00, 0xfe}, {}, []byte("base64")}
	for i, raw := range raws {
		r := quarantine.Record{ID: ids.RecordID(u.ID, 0, int64(i)), Ordinal: int64(i), Reason: []string{"even", "odd"}[i%2], Detail: "d"}
		r.SetRaw(raw)
		if err := w.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	count, reasons, err := w.Close()
	if err != nil || count != 4 || !maps.Equal(reasons, map[string]int64{"even": 2, "odd": 2}) {
		t.Errorf("Close = %d, %v, %v", count, reasons, err)
	}
	keys := s3.Keys("landing", "quarantine/orders/2026/01/02/"+u.ID+"/unpack-")
	if len(keys) != 1 {
		t.Fatalf("objects: %v", keys)
	}
	object, _ := s3.Get("landing", keys[0])
	i := 0
	if err := quarantine.Read(object, func(r quarantine.Record) error {
		raw, err := r.Bytes()
		if err != nil || !bytes.Equal(raw, raws[i]) || r.Ordinal != int64(i) {
			t.Errorf("record %d is %+v, error %v", i, r, err)
		}
		i++
		return nil
	}); err != nil || i != 4 {
		t.Errorf("read %d records, error %v", i, err)
	}
}

func TestEmptyWriterPutsNoObject(t *testing.T) {
	s3 := &fake.S3{}
	w := quarantine.NewWriter(t.Context(), s3, "landing", "quarantine/", ids.Upload{}, "unpack")
	if n, _, err := w.Close(); n != 0 || err != nil || len(s3.Keys("landing", "")) != 0 {
		t.Errorf("Close = %d, %v; objects %v", n, err, s3.Keys("landing", ""))
	}
}

func TestReadErrors(t *testing.T) {
	if err := quarantine.Read([]byte("hello"), func(quarantine.Record) error { return nil }); !errors.Is(err, quarantine.ErrNotQuarantine) {
		t.Errorf("error %v", err)
	}
}
