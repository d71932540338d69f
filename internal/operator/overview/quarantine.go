package overview

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/quarantine"
)

// Objects is the part of the S3 client that the package uses.
type Objects interface {
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// Quarantined lists the quarantined records of a feed.
type Quarantined struct {
	Feed string `json:"feed"`
	// Count is the number of records according to the ledger.
	Count   int64    `json:"quarantined"`
	Reasons []Reason `json:"reasons"`
	// Records are the records that the filter selects, newest upload first.
	Records []quarantine.Record `json:"records"`
	// More is true if there are records above the limit.
	More bool `json:"more"`
	// OtherReasons are those that the filter excludes.
	OtherReasons []string `json:"other_reasons,omitempty"`
}

// Reason counts the records and uploads with one reason.
type Reason struct {
	Reason  string `json:"reason"`
	Records int64  `json:"records"`
	Uploads int64  `json:"uploads"`
}

// QuarantineFilter selects quarantined records.
type QuarantineFilter struct {
	// Upload selects an upload; nil for all.
	Upload *ledger.Upload
	// Reason selects a reason; empty for all.
	Reason string
	// Limit is the maximum number of Records; 0 for all. It does not limit the counts.
	Limit int
}

// Quarantine counts the quarantined records of a feed by reason, from the ledger, and
// reads those that the filter selects.
func Quarantine(ctx context.Context, l *ledger.Ledger, objects Objects, feedName string, where Locations, f QuarantineFilter) (Quarantined, error) {
	q := Quarantined{Feed: feedName, Reasons: []Reason{}, Records: []quarantine.Record{}}
	counts, others := map[string]*Reason{}, map[string]bool{}
	var uploads []ledger.Upload
	add := func(u ledger.Upload) bool {
		// An upload that is not done may have records that are not counted yet.
		if u.Quarantined() == 0 && len(u.Reasons) == 0 && u.State != ledger.Unpacking && u.State != ledger.Unpacked {
			return true
		}
		uploads = append(uploads, u)
		for reason, n := range u.Reasons {
			if n <= 0 {
				continue
			}
			if f.Reason != "" && f.Reason != reason {
				others[reason] = true
				continue
			}
			if counts[reason] == nil {
				counts[reason] = &Reason{Reason: reason}
			}
			counts[reason].Records += n
			counts[reason].Uploads++
			q.Count += n
		}
		return true
	}
	if f.Upload != nil {
		add(*f.Upload)
	} else if err := l.Uploads(ctx, feedName, add); err != nil {
		return q, err
	}
	q.OtherReasons = slices.Sorted(maps.Keys(others))
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		q.Reasons = append(q.Reasons, *counts[name])
	}
	slices.SortStableFunc(q.Reasons, func(a, b Reason) int { return cmp.Compare(b.Records, a.Records) })
	for _, u := range uploads {
		more, err := q.read(ctx, objects, u, where, f)
		if err != nil || more {
			q.More = more
			return q, err
		}
	}
	return q, nil
}

// read adds the records of an upload; more reports whether there are some above the
// limit.
func (q *Quarantined) read(ctx context.Context, objects Objects, u ledger.Upload, where Locations, f QuarantineFilter) (more bool, err error) {
	folder := u.Folder(where.QuarantinePrefix)
	// A record may be in several objects, written by repeated invocations.
	seen := map[string]bool{}
	for pages := s3.NewListObjectsV2Paginator(objects, &s3.ListObjectsV2Input{Bucket: &where.LandingBucket, Prefix: &folder}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return false, fmt.Errorf("list quarantine s3://%s/%s: %w", where.LandingBucket, folder, err)
		}
		for _, o := range page.Contents {
			if !strings.HasSuffix(*o.Key, ".ndjson.gz") {
				continue // a copy of the source object
			}
			err := readObject(ctx, objects, where.LandingBucket, *o.Key, func(r quarantine.Record) error {
				switch {
				case seen[r.ID] || f.Reason != "" && f.Reason != r.Reason:
					return nil
				case f.Limit > 0 && len(q.Records) == f.Limit:
					return errLimit
				}
				seen[r.ID] = true
				q.Records = append(q.Records, r)
				return nil
			})
			if errors.Is(err, errLimit) {
				return true, nil
			}
			if err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

var errLimit = errors.New("limit reached")

// readObject reads one quarantine object, which has at most a few megabytes.
func readObject(ctx context.Context, objects Objects, bucket, key string, yield func(quarantine.Record) error) error {
	out, err := objects.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return fmt.Errorf("read s3://%s/%s: %w", bucket, key, err)
	}
	body, err := io.ReadAll(out.Body)
	if err = errors.Join(err, out.Body.Close()); err != nil {
		return fmt.Errorf("read s3://%s/%s: %w", bucket, key, err)
	}
	if err := quarantine.Read(body, yield); err != nil {
		return fmt.Errorf("read s3://%s/%s: %w", bucket, key, err)
	}
	return nil
}
