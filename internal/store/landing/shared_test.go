package landing_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/landing"
	"example.com/ingestion/internal/testing/fake"
)

// shared writes a part of three uploads, of which the second is discarded.
func shared(t *testing.T, s3 *fake.S3) (*landing.SharedWriter, landing.Part, []ids.Upload) {
	t.Helper()
	w, err := landing.NewSharedWriter(landing.Config{API: s3, Bucket: "landing", Prefix: "landing/"})
	if err != nil {
		t.Fatal(err)
	}
	var uploads []ids.Upload
	for i := range 3 {
		u := ids.New(ids.Upload{Feed: "orders", Bucket: "src", Key: fmt.Sprintf("k%d", i), ETag: "e"})
		uploads = append(uploads, u)
		w.Start(u)
		if err := w.StartEntry(0, u.Key); err != nil {
			t.Fatal(err)
		}
		for ordinal := range int64(2) {
			if err := w.Record(ordinal, fmt.Appendf(nil, `{"n":%d}`, i)); err != nil {
				t.Fatal(err)
			}
		}
		if i == 1 {
			continue
		}
		if n, err := w.Keep(); n != 2 || err != nil {
			t.Fatalf("kept %d records, error %v", n, err)
		}
	}
	p, err := w.Close(ids.Upload{Feed: "orders", ID: ids.NewSharedID(), Time: time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	return w, p, uploads
}

func TestSharedPart(t *testing.T) {
	s3 := &fake.S3{}
	w, p, uploads := shared(t, s3)
	for range 2 { // a repeated write
		if err := w.Land(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	object, _ := s3.Get("landing", p.Key)
	all := lines(t, object)
	if p.Records != 4 || len(all) != 4 || p.Bytes != int64(len(object)) || s3.Puts["landing/"+p.Key] != 1 {
		t.Fatalf("part %+v with lines %q", p, all)
	}
	for i, u := range []ids.Upload{uploads[0], uploads[0], uploads[2], uploads[2]} {
		o, err := landing.ParseOrigin([]byte(all[i]))
		if err != nil || o.ID != ids.RecordID(u.ID, 0, int64(i%2)) || o.Source != u.Source() || o.Entry != u.Key {
			t.Errorf("line %d: %+v, error %v", i, o, err)
		}
	}
	if landed, err := landing.DropShared(t.Context(), s3, "landing", p.Key, p.Bytes); !landed || err != nil {
		t.Errorf("a landed part is dropped: %v, error %v", landed, err)
	}
}

// A part that another invocation has dropped cannot be landed any more.
func TestDroppedPart(t *testing.T) {
	s3 := &fake.S3{}
	w, p, _ := shared(t, s3)
	for range 2 {
		if landed, err := landing.DropShared(t.Context(), s3, "landing", p.Key, p.Bytes); landed || err != nil {
			t.Fatalf("landed %v, error %v", landed, err)
		}
	}
	if err := w.Land(t.Context()); !errors.Is(err, landing.ErrDropped) {
		t.Errorf("error %v", err)
	}
	if object, _ := s3.Get("landing", p.Key); lines(t, object)[0] != "" {
		t.Error("the dropped part has lines")
	}
}

func TestMemberTooLarge(t *testing.T) {
	w, err := landing.NewSharedWriter(landing.Config{API: &fake.S3{}, Bucket: "landing"})
	if err != nil {
		t.Fatal(err)
	}
	w.Start(testUpload())
	if err := w.StartEntry(0, "k"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		err = errors.Join(err, w.Record(0, bytes.Repeat([]byte{'1'}, landing.MaxMemberBytes/2)))
	}
	if !errors.Is(err, landing.ErrMemberTooLarge) {
		t.Errorf("error %v", err)
	}
}
