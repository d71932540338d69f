package unpack_test

import (
	"net/http"
	"testing"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

// An invocation that ends between its last two steps, after the upload is unpacked
// and before it is settled, is completed by the repeated event: no part may be left
// whose load would do it.
func TestRepeatedEventSettles(t *testing.T) {
	for name, body := range map[string]string{
		"an empty object":            "",
		"rejected records only":      "{\n{\n",
		"all parts loaded meanwhile": "{\"a\": 1}\n",
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t, feed.Format{Kind: feed.NDJSON})
			etag := w.s3.Set("src", "k.ndjson", []byte(body))
			updates := 0 // the first begins the upload, the second ends the unpacking
			w.db.Before = func(operation string, _ []byte) (int, string) {
				if operation != "UpdateItem" && operation != "GetItem" {
					return 0, ""
				}
				if operation == "UpdateItem" {
					updates++
				}
				if updates > 2 || updates == 2 && operation == "GetItem" {
					return http.StatusBadRequest, "AccessDeniedException"
				}
				return 0, ""
			}
			if err := w.unpack.Handle(t.Context(), notification("k.ndjson", etag)); err == nil {
				t.Fatal("the last step did not fail")
			}
			if u := w.upload("k.ndjson", etag); u.State != ledger.Unpacked {
				t.Fatalf("after the failure: %+v", u)
			}
			if len(w.dispatched) > 0 {
				// load marks its part, and fails at the same step.
				if err := w.unpack.Ledger.PartLoaded(t.Context(), w.part(w.dispatched[0])); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.unpack.Handle(t.Context(), notification("k.ndjson", etag)); err != nil {
				t.Fatal(err)
			}
			if u := w.upload("k.ndjson", etag); u.State != ledger.Loaded {
				t.Errorf("after the repeated event: %+v", u)
			}
		})
	}
}

// part returns the ledger's item of a dispatched part, with its records counted as stored.
func (w *fixture) part(ref ids.PartRef) ledger.Part {
	w.t.Helper()
	p, ok, err := w.unpack.Ledger.GetPart(w.t.Context(), ref.Feed, ref.Upload, ref.Part)
	if err != nil || !ok {
		w.t.Fatalf("part %s is in the ledger: %v, error %v", ref.Part, ok, err)
	}
	p.Stored = p.Records
	return p
}
