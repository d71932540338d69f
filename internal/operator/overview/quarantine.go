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

// Objects is what the package needs of an S3 client.
type Objects interface {
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// Quarantined is what a feed has in quarantine.
type Quarantined struct {
	Feed string `json:"feed"`
	// Count is how many records, by the ledger.
	Count   int64    `json:"quarantined"`
	Reasons []Reason `json:"reasons"`
	// Records are the records themselves, newest upload first, as the filter limits them.
	Records []quarantine.Record `json:"records"`
	// More says that the limit left some out.
	More bool `json:"more"`
}

// Reason counts the records that are in quarantine for one reason.
type Reason struct {
	Reason  string `json:"reason"`
	Records int64  `json:"records"`
	Uploads int64  `json:"uploads"`
}

// QuarantineFilter chooses quarantined records.
type QuarantineFilter struct {
	// Upload limits them to one; nil means all.
	Upload *ledger.Upload
	// Reason limits them to one; empty means all.
	Reason string
	// Limit bounds the records, not the counts; 0 means all.
	Limit int
}

// Quarantine counts a feed's quarantined records by reason, as the ledger has
// them, and reads those that the filter asks for.
func Quarantine(ctx context.Context, book *ledger.Ledger, objects Objects, feedName string, where Places, f QuarantineFilter) (Quarantined, error) {
	q := Quarantined{Feed: feedName, Reasons: []Reason{}, Records: []quarantine.Record{}}
	counts := map[string]*Reason{}
	var uploads []ledger.Upload
	take := func(u ledger.Upload) bool {
		// One that is not done may have some that are not counted yet.
		if u.Quarantined() == 0 && len(u.Reasons) == 0 && u.State != ledger.Unpacking && u.State != ledger.Unpacked {
			return true
		}
		uploads = append(uploads, u)
		for reason, n := range u.Reasons {
			if n <= 0 || f.Reason != "" && f.Reason != reason {
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
		take(*f.Upload)
	} else if err := book.Uploads(ctx, feedName, take); err != nil {
		return q, err
	}
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

// read adds the records of an upload; more says that there are some beyond the limit.
func (q *Quarantined) read(ctx context.Context, objects Objects, u ledger.Upload, where Places, f QuarantineFilter) (more bool, err error) {
	folder := u.Folder(where.QuarantinePrefix)
	// The same record may be in several objects, of invocations that were repeated.
	seen := map[string]bool{}
	for pages := s3.NewListObjectsV2Paginator(objects, &s3.ListObjectsV2Input{Bucket: &where.LandingBucket, Prefix: &folder}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return false, fmt.Errorf("list quarantine s3://%s/%s: %w", where.LandingBucket, folder, err)
		}
		for _, o := range page.Contents {
			if !strings.HasSuffix(*o.Key, ".ndjson.gz") {
				continue // the copy of a source object
			}
			err := readObject(ctx, objects, where.LandingBucket, *o.Key, func(r quarantine.Record) error {
				switch {
				case seen[r.ID] || f.Reason != "" && f.Reason != r.Reason:
					return nil
				case f.Limit > 0 && len(q.Records) == f.Limit:
					return errEnough
				}
				seen[r.ID] = true
				q.Records = append(q.Records, r)
				return nil
			})
			if errors.Is(err, errEnough) {
				return true, nil
			}
			if err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

var errEnough = errors.New("enough")

// readObject reads one quarantine object: they are a few megabytes at most, compressed.
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
