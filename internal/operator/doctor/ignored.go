package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/ingestion/feed"
)

// maxIgnoredPages is the number of pages of 1,000 keys that are read of a bucket, which
// may have millions of objects. `ingest reconcile` reads all.
const maxIgnoredPages = 10

// ignored counts the objects in the feed's own bucket that no source of the feed
// accepts: they are not processed, without an error anywhere.
func ignored(ctx context.Context, d *doctor) {
	i := slices.IndexFunc(d.Feed.Sources, func(s feed.Source) bool { return s.Kind == feed.OwnBucket && s.Bucket != "" })
	if i < 0 {
		return
	}
	s := d.Feed.Sources[i]
	if s.Prefix == "" && len(s.Suffixes) == 0 {
		return
	}
	const name = "own bucket: other files"
	var listed, count int
	var example string
	pages := s3.NewListObjectsV2Paginator(d.s3, &s3.ListObjectsV2Input{Bucket: &s.Bucket})
	for range maxIgnoredPages {
		if !pages.HasMorePages() {
			break
		}
		page, err := pages.NextPage(ctx)
		if missing(err) {
			return // reported already
		}
		if err != nil {
			d.unknown(name, err, "s3:ListBucket on the bucket")
			return
		}
		for _, o := range page.Contents {
			key := aws.ToString(o.Key)
			listed++
			if !feed.IsFolderMarker(key, aws.ToInt64(o.Size)) && !s.Accepts(key) {
				count++
				example = key
			}
		}
	}
	among := "the bucket"
	if pages.HasMorePages() {
		among = "the first " + numberOf(listed)
	}
	if count == 0 {
		d.pass(name, "none in %s", among)
		return
	}
	d.warn(name, "put files of the feed to "+accepted(s)+", or change WithPrefix and WithSuffixes of the source and deploy; then ingest backfill "+d.Feed.Name,
		"%s in %s without the source's prefix or suffix, not processed, such as s3://%s/%s", numberOf(count), among, s.Bucket, example)
}

// accepted describes the keys that a source accepts.
func accepted(s feed.Source) string {
	if len(s.Suffixes) == 0 {
		return "s3://" + s.Bucket + "/" + s.Prefix
	}
	return "s3://" + s.Bucket + "/" + s.Prefix + "*" + strings.Join(s.Suffixes, ", *")
}

func numberOf(n int) string {
	if n == 1 {
		return "1 object"
	}
	return fmt.Sprintf("%d objects", n)
}
