package batchwrite_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"example.com/ingestion/internal/aws/batchwrite"
	"example.com/ingestion/internal/testing/fake"
)

func item(i int, payload string) []byte {
	return fmt.Appendf(nil, `"pk":{"S":"f#u#%d"},"sk":{"S":"%06d"},"data":{"S":"%s"}`, i%3, i, payload)
}

func client(t *testing.T, db *fake.DynamoDB) *batchwrite.Client {
	t.Helper()
	c, err := batchwrite.NewClient(t.Context(), db.Client())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// write puts n items and returns the tags of those that were rejected.
func write(t *testing.T, db *fake.DynamoDB, n int, payload string) (stored int64, rejected []int64, err error) {
	t.Helper()
	w, err := client(t, db).NewWriter(t.Context(), "table", func(tag int64, err error) {
		if err == nil {
			t.Errorf("item %d is rejected without an error", tag)
		}
		rejected = append(rejected, tag)
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		_ = append(w.Next(), "an item that is not committed"...)
		if err := w.Commit(append(w.Next(), item(i, payload)...), int64(i)); err != nil {
			break // Flush returns the error too
		}
	}
	stored, _, err = w.Flush()
	return stored, rejected, err
}

func TestWriterStoresEverything(t *testing.T) {
	var calls atomic.Int64
	faults := map[string]func(*fake.DynamoDB){
		"no fault": func(*fake.DynamoDB) {},
		"unprocessed items": func(db *fake.DynamoDB) {
			db.Unprocessed = func(n int) int { return int(calls.Add(1)*7) % n }
		},
		"throttling": func(db *fake.DynamoDB) {
			db.Before = func(string, []byte) (int, string) {
				if calls.Add(1)%3 == 0 {
					return http.StatusBadRequest, "ProvisionedThroughputExceededException"
				}
				return 0, ""
			}
		},
		"server errors": func(db *fake.DynamoDB) {
			db.Before = func(string, []byte) (int, string) {
				if calls.Add(1)%4 == 0 {
					return http.StatusInternalServerError, "InternalServerError"
				}
				return 0, ""
			}
		},
		"responses lost after the write": func(db *fake.DynamoDB) {
			db.LoseResponse = func(string) bool { return calls.Add(1)%5 == 0 }
		},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			calls.Store(0)
			db := fake.NewDynamoDB(t)
			fault(db)
			stored, rejected, err := write(t, db, 999, "x")
			if err != nil || stored != 999 || len(rejected) != 0 || len(db.Items()) != 999 {
				t.Errorf("stored %d, rejected %v, table has %d, error %v", stored, rejected, len(db.Items()), err)
			}
		})
	}
}

// Throttled attempts are not attempts of a request that fails for another reason.
func TestThrottledAttemptsAreNotFailures(t *testing.T) {
	if testing.Short() {
		t.Skip("waits some seconds")
	}
	db, calls := fake.NewDynamoDB(t), 0
	db.Before = func(string, []byte) (int, string) {
		switch calls++; {
		case calls <= 9:
			return http.StatusBadRequest, "ProvisionedThroughputExceededException"
		case calls <= 11:
			return http.StatusInternalServerError, "InternalServerError"
		}
		return 0, ""
	}
	if stored, _, err := write(t, db, 1, "x"); err != nil || stored != 1 || calls != 12 {
		t.Errorf("stored %d in %d requests, error %v", stored, calls, err)
	}
}

func TestWriterFindsInvalidItems(t *testing.T) {
	db := fake.NewDynamoDB(t)
	db.Refuse = func(it fake.Item) bool { return strings.HasSuffix(it.Str("sk"), "3") }
	stored, rejected, err := write(t, db, 100, "x")
	if err != nil || stored != 90 || len(rejected) != 10 || len(db.Items()) != 90 {
		t.Errorf("stored %d, rejected %v, table has %d, error %v", stored, rejected, len(db.Items()), err)
	}
	for _, tag := range rejected {
		if tag%10 != 3 {
			t.Errorf("item %d was rejected", tag)
		}
	}
}

func TestWriterSplitsLargeBatches(t *testing.T) {
	db := fake.NewDynamoDB(t)
	stored, _, err := write(t, db, 60, strings.Repeat("y", 300<<10))
	if err != nil || stored != 60 || db.Calls["BatchWriteItem"] != 15 {
		t.Errorf("stored %d in %d calls, error %v", stored, db.Calls["BatchWriteItem"], err)
	}
}

func TestWriterEndsOnPermanentErrors(t *testing.T) {
	db := fake.NewDynamoDB(t)
	db.Before = func(string, []byte) (int, string) { return http.StatusBadRequest, "AccessDeniedException" }
	_, rejected, err := write(t, db, 1000, "x")
	if err == nil || !strings.Contains(err.Error(), "AccessDeniedException") || len(rejected) > 0 {
		t.Errorf("rejected %v, error %v", rejected, err)
	}
}

func TestWriterEndsWithItsContext(t *testing.T) {
	db := fake.NewDynamoDB(t)
	throttled := make(chan struct{}, 100)
	db.Before = func(string, []byte) (int, string) {
		throttled <- struct{}{}
		return http.StatusBadRequest, "ThrottlingException"
	}
	errEnded := errors.New("the time has ended")
	ctx, cancel := context.WithCancelCause(t.Context())
	w, err := client(t, db).NewWriter(ctx, "table", func(int64, error) {})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 25 { // a whole batch
		if err := w.Commit(append(w.Next(), item(i, "x")...), int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	<-throttled
	<-throttled // only then was the first response read
	cancel(errEnded)
	if _, _, err := w.Flush(); !errors.Is(err, errEnded) || !strings.Contains(err.Error(), "throttled by the table (BatchWriteItem: status 400 ThrottlingException") {
		t.Errorf("error %v", err)
	}
}
