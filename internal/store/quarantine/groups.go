package quarantine

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/ids"
)

// ListAPI is the part of the S3 client that Groups uses.
type ListAPI interface {
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
}

// Group is what one writer put in quarantine: unpack for an upload, or load for one
// part. No record is in two groups. Within a group it may be in several objects,
// where the writer was interrupted and retried.
type Group struct {
	// Name is unpack or load-<part>.
	Name string
	Keys []string // in order
}

// Part returns the name of the part whose records load rejected; empty where unpack
// rejected them.
func (g Group) Part() string {
	part, _ := strings.CutPrefix(g.Name, "load-")
	if part == g.Name {
		return ""
	}
	return part
}

const (
	extension = ".ndjson.gz"
	// replayMark follows the group's name in the key of an object that a replay wrote.
	replayMark = "-r%06d"
)

var replayed = regexp.MustCompile(`-r(\d{6,})$`)

// ReplayOf returns the number of the replay that wrote the object with that key, 0
// for an object that unpack or load wrote.
func ReplayOf(key string) int64 {
	name, _, _ := cutHash(key)
	_, number := cutReplay(name)
	return number
}

// cutHash splits an object's key at the hash of its content.
func cutHash(key string) (name, hash string, ok bool) {
	name, ok = strings.CutSuffix(key, extension)
	dash := strings.LastIndexByte(name, '-')
	if !ok || dash < 0 {
		return "", "", false
	}
	return name[:dash], name[dash+1:], true
}

func hashOf(key string) string {
	_, hash, _ := cutHash(key)
	return hash
}

func cutReplay(name string) (group string, number int64) {
	at := replayed.FindStringSubmatchIndex(name)
	if at == nil {
		return name, 0
	}
	number, err := strconv.ParseInt(name[at[2]:at[3]], 10, 64)
	if err != nil {
		return name, 0
	}
	return name[:at[0]], number
}

// Groups lists the quarantine of an upload as it was before a time; copied reports
// whether it includes a copy of the source object.
func Groups(ctx context.Context, api ListAPI, bucket, prefix string, u ids.Upload, before time.Time) (groups []Group, copied bool, err error) {
	folder := u.Folder(prefix)
	pages := s3.NewListObjectsV2Paginator(api, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &folder})
	byName := map[string]int{}
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, false, fmt.Errorf("list s3://%s/%s: %w", bucket, folder, err)
		}
		for _, o := range page.Contents {
			key := aws.ToString(o.Key)
			if page.EncodingType == types.EncodingTypeUrl {
				if key, err = url.QueryUnescape(key); err != nil {
					return nil, false, fmt.Errorf("list s3://%s/%s: key %q: %w", bucket, folder, *o.Key, err)
				}
			}
			copied = copied || key == CopyKey(prefix, u)
			name, _, ok := cutHash(key)
			if !ok || len(name) < len(folder) || !aws.ToTime(o.LastModified).Before(before) {
				continue
			}
			name, _ = cutReplay(name[len(folder):])
			at, known := byName[name]
			if !known {
				at = len(groups)
				byName[name] = at
				groups = append(groups, Group{Name: name})
			}
			groups[at].Keys = append(groups[at].Keys, key)
		}
	}
	return groups, copied, nil
}

// Batch is a set of objects of a group that has no record in common with the
// group's other objects.
type Batch struct {
	Keys []string
	// Count is the number of different records.
	Count int64
	// Reasons is the number of different records by reason.
	Reasons map[string]int64
}

// span is the range of the record IDs in an object.
type span struct {
	key         string
	first, last string
	count       int64
	reasons     map[string]int64
}

// Batches reads the objects of a group and divides them into batches.
func (g Group) Batches(ctx context.Context, api s3source.API, bucket string) ([]Batch, error) {
	var spans []span
	for _, key := range g.Keys {
		s := span{key: key, reasons: map[string]int64{}}
		err := ReadObject(ctx, api, bucket, key, func(r Record) error {
			if s.count == 0 || r.ID < s.first {
				s.first = r.ID
			}
			s.last = max(s.last, r.ID)
			s.count++
			s.reasons[r.Reason]++
			return nil
		})
		if err != nil {
			return nil, err
		}
		spans = append(spans, s)
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	var batches []Batch
	last := ""
	for _, s := range spans {
		if n := len(batches) - 1; n >= 0 && s.first <= last {
			batches[n].Keys = append(batches[n].Keys, s.key)
		} else {
			batches = append(batches, Batch{Keys: []string{s.key}, Count: s.count, Reasons: s.reasons})
		}
		last = max(last, s.last)
	}
	for i := range batches {
		b := &batches[i]
		if len(b.Keys) == 1 {
			continue
		}
		b.Count, b.Reasons = 0, map[string]int64{}
		err := b.Each(ctx, api, bucket, func(r Record) error {
			b.Count++
			b.Reasons[r.Reason]++
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return batches, nil
}

// Each calls yield once for each different record of the batch.
func (b Batch) Each(ctx context.Context, api s3source.API, bucket string, yield func(Record) error) error {
	type position struct {
		entry   int
		ordinal int64
	}
	seen := map[position]struct{}{}
	for _, key := range b.Keys {
		err := ReadObject(ctx, api, bucket, key, func(r Record) error {
			if len(b.Keys) > 1 {
				_, entry, ordinal, err := ids.ParseRecordID(r.ID)
				if err != nil {
					return err
				}
				if _, duplicate := seen[position{entry, ordinal}]; duplicate {
					return nil
				}
				seen[position{entry, ordinal}] = struct{}{}
			}
			return yield(r)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// ReadObject calls yield for each record of an object.
func ReadObject(ctx context.Context, api s3source.API, bucket, key string, yield func(Record) error) error {
	out, err := api.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return fmt.Errorf("read s3://%s/%s: %w", bucket, key, err)
	}
	defer func() { _ = out.Body.Close() }() // read to its end, or failed already
	if err := ReadFrom(out.Body, yield); err != nil {
		return fmt.Errorf("s3://%s/%s: %w", bucket, key, err)
	}
	return nil
}
