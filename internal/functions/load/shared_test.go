package load_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/batchwrite"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/functions/load"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/landing"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/partdispatch"
	"example.com/ingestion/internal/store/quarantine"
	"example.com/ingestion/internal/testing/fake"
)

// sharedPart is a part of several small uploads that waits.
type sharedPart struct {
	t       *testing.T
	s3      *fake.S3
	db      *fake.DynamoDB
	book    *ledger.Ledger
	part    ledger.Part
	uploads []ids.Upload
	woken   int
}

// newSharedPart puts uploads with so many records each. The second record of each third
// upload cannot be an item.
func newSharedPart(t *testing.T, db *fake.DynamoDB, uploads, records int) *sharedPart {
	t.Helper()
	ctx := t.Context()
	s := &sharedPart{t: t, s3: &fake.S3{}, db: db}
	s.book = ledger.New(s.db.Client(), "table").WaitOutThrottling()
	w, err := landing.NewSharedWriter(landing.Config{API: s.s3, Bucket: bucket, Prefix: "landing/"})
	s.must(err)
	var members []ledger.Member
	for i := range uploads {
		u := ids.New(ids.Upload{
			Feed: "orders", Bucket: "src", Key: fmt.Sprintf("small/%d.json", i), ETag: "e", Size: 5000,
			Time: time.Date(2026, 3, 4+i%2, 0, 0, 0, 0, time.UTC),
		})
		s.uploads = append(s.uploads, u)
		w.Start(u)
		s.must(w.StartEntry(0, fmt.Sprintf("%d.json", i)))
		for n := range records {
			data := fmt.Sprintf(`{"file":%d,"n":%d}`, i, n)
			if i%3 == 0 && n == 1 {
				data = strings.Repeat("[", 40) + strings.Repeat("]", 40)
			}
			s.must(w.Record(int64(n), []byte(data)))
		}
		kept, err := w.Keep()
		s.must(err)
		members = append(members, ledger.Member{Upload: u.ID, Millis: u.Time.UnixMilli(), Landed: kept, Entries: 1, BytesUnpacked: 5000})
	}
	of := ids.Upload{Feed: "orders", ID: ids.NewSharedID(), Time: s.uploads[0].Time}
	landed, err := w.Close(of)
	s.must(err)
	s.part = ledger.Part{
		Feed: of.Feed, Upload: of.ID, Name: ledger.SharedPart, Key: landed.Key, Records: landed.Records, Bytes: landed.Bytes, Shards: 1, Members: members, Time: of.Time,
	}
	lease := ledger.Lease{Owner: "gatherer", Until: time.Now().Add(time.Minute)}
	_, _, err = s.book.StartGathering(ctx, "orders", 0, lease)
	s.must(err)
	s.must(s.book.BeginShared(ctx, s.part, 0, lease))
	s.must(w.Land(ctx))
	for i, m := range members {
		u := s.part.Member(m)
		u.Upload = s.uploads[i]
		s.must(s.book.EnterMember(ctx, u))
	}
	s.must(s.dispatcher().Dispatch(ctx, s.part.Ref()))
	return s
}

func (s *sharedPart) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *sharedPart) dispatcher() partdispatch.Dispatcher {
	return partdispatch.Dispatcher{
		Ledger: s.book, Feed: ledger.FeedWithWork{Feed: "orders"}, Wake: func(context.Context, ids.Load) error { s.woken++; return nil },
	}
}

func (s *sharedPart) load(ctx context.Context) error {
	table, err := batchwrite.NewClient(ctx, s.db.Client())
	s.must(err)
	h := &load.Handler{
		Bucket: bucket, Table: "table", Loaders: 2, S3: s.s3, DynamoDB: table, Ledger: s.book, Metrics: noMetrics, Log: slog.New(slog.DiscardHandler),
		Continue: s.dispatcher().Wake, NearDeadline: handler.NearDeadline, Retries: []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond},
	}
	return h.Handle(lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: "one"}), []byte(`{"feed":"orders"}`))
}

// complete checks that each upload is stored once.
func (s *sharedPart) complete(each int) {
	s.t.Helper()
	ctx := s.t.Context()
	stored := map[string]int{}
	for _, it := range records(s.db) {
		stored[it.Str("pk")]++
		if it["entry"] != nil {
			s.t.Errorf("item %s has the entry %s", it.Str("pk"), it.Str("entry"))
		}
	}
	for i, of := range s.uploads {
		rejected := 0
		if i%3 == 0 {
			rejected = 1
		}
		u, _, err := s.book.GetUpload(ctx, of.Feed, of.ID)
		s.must(err)
		if u.State != ledger.Loaded || u.Stored != int64(each-rejected) || u.RejectedByLoad != int64(rejected) || !u.Balanced() ||
			stored[ids.PartitionKey(of.Feed, of.ID, 0)] != each-rejected || u.Reasons["nesting_too_deep"] != int64(rejected) {
			s.t.Errorf("upload %d: %d items, ledger %+v", i, stored[ids.PartitionKey(of.Feed, of.ID, 0)], u)
		}
		groups, _, err := quarantine.Groups(ctx, s.s3, bucket, feed.DefaultQuarantinePrefix, of, time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))
		s.must(err)
		if len(groups) != rejected {
			s.t.Errorf("upload %d has the groups %+v in quarantine", i, groups)
		}
		for _, g := range groups {
			p, ok, err := s.book.GetPart(ctx, of.Feed, of.ID, g.Part())
			batches, batchErr := g.Batches(ctx, s.s3, bucket)
			if err != nil || batchErr != nil || !ok || p.Rejected != 1 || len(batches) != 1 || batches[0].Count != 1 {
				s.t.Errorf("upload %d: part %+v of quarantine %+v, error %v %v", i, p, batches, err, batchErr)
			}
		}
	}
	if p, _, err := s.book.GetPart(ctx, "orders", s.part.Upload, s.part.Name); err != nil || p.State != ledger.Loaded || p.Stored+p.Rejected != p.Records {
		s.t.Errorf("part %+v, error %v", p, err)
	}
	if waiting, setAside, err := s.book.ListWork(ctx, "orders", 10); err != nil || len(waiting)+len(setAside) > 0 {
		s.t.Errorf("waiting %+v, set aside %+v, error %v", waiting, setAside, err)
	}
}

func TestSharedPart(t *testing.T) {
	s := newSharedPart(t, fake.NewDynamoDB(t), 7, 10)
	s.must(s.load(t.Context()))
	s.complete(10)
	// One upload of it is loaded again, after its records were deleted.
	for _, i := range []int{0, 1} {
		of := s.uploads[i]
		s.db.Remove(func(it fake.Item) bool { return it.Str("pk") == ids.PartitionKey(of.Feed, of.ID, 0) })
		u, _, err := s.book.GetUpload(t.Context(), of.Feed, of.ID)
		s.must(err)
		p, ok, err := s.book.PartOf(t.Context(), u, ledger.SharedPart)
		if err != nil || !ok {
			t.Fatalf("part of upload %d: %v, error %v", i, ok, err)
		}
		s.must(s.book.Reopen(t.Context(), p))
		s.must(s.dispatcher().Dispatch(t.Context(), ids.PartRef{Feed: of.Feed, Upload: of.ID, Part: p.Name, Time: p.Time}))
		s.must(s.load(t.Context()))
	}
	s.complete(10)
}

// A loader of a shared part that fails at any request, before or after it took effect, is
// retried.
func TestSharedPartAfterAnyFailedRequest(t *testing.T) {
	for _, lose := range []bool{false, true} {
		for at := int64(1); ; at++ {
			s := newSharedPart(t, fake.NewDynamoDB(t), 4, 3)
			var calls atomic.Int64
			if lose {
				s.db.LoseResponse = func(string) bool { return calls.Add(1) == at }
			} else {
				s.db.Before = func(string, []byte) (int, string) {
					if calls.Add(1) == at {
						return http.StatusBadRequest, "AccessDeniedException"
					}
					return 0, ""
				}
			}
			var err error
			for range 4 {
				if err = s.load(t.Context()); err == nil {
					break
				}
			}
			s.must(err)
			done := calls.Load() < at
			s.db.Before, s.db.LoseResponse = nil, nil
			s.complete(3)
			if t.Failed() {
				t.Fatalf("request %d fails, after its effect: %v", at, lose)
			}
			if done {
				if at < 15 {
					t.Errorf("a loader makes %d requests", at)
				}
				break
			}
		}
	}
}

// The time of a loader ends while it enters the uploads of a shared part as loaded: the
// next one enters the others, and writes no record again.
func TestSharedPartContinues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSharedPart(t, fake.NewDynamoDBWithoutNetwork(), 300, 2)
		writes := 0
		s.db.Before = func(_ string, body []byte) (int, string) {
			if strings.Contains(string(body), "shared_part_loaded") {
				time.Sleep(10 * time.Second)
			}
			return 0, ""
		}
		s.db.Unprocessed = func(n int) int { writes += n; return 0 }
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			before := s.woken
			s.must(s.load(ctx))
			cancel()
			if s.woken == before {
				break
			}
		}
		s.db.Before = nil
		s.complete(2)
		if s.woken < 2 || writes > 610 {
			t.Errorf("%d loaders, %d writes", s.woken, writes)
		}
	})
}
