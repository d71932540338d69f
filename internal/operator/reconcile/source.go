package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/operator/backfill"
	"example.com/ingestion/internal/store/ledger"
)

// Source is a source of the feed, with what lists it.
type Source struct {
	feed.Source
	API s3source.ListAPI
}

// listPrefix is the prefix of the keys to list. A bucket of the feed is listed completely,
// to count the objects outside the prefix. Other buckets have objects for other readers.
func (s Source) listPrefix() string {
	if s.Kind == feed.OwnBucket {
		return ""
	}
	return s.Prefix
}

// maxReported is the number of objects of a source that are reported one by one.
const maxReported = 1000

// command is a command line with a verb for the feed.
func (r *Reconcile) command(verb, arguments string) string {
	words := []string{"ingest", verb, cmp.Or(r.FeedArgument, r.Feed)}
	if arguments != "" {
		words = append(words, arguments)
	}
	return strings.Join(append(words, r.Flags...), " ")
}

// quoted quotes a text as one word of a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// objects reports the objects of the sources that are not in the ledger.
func (r *Reconcile) objects(ctx context.Context, result *Result) error {
	for _, s := range r.Sources {
		var batch []s3source.ListedObject
		reported := 0
		others := Finding{Kind: NoEvent, Source: "s3://" + s.Bucket + "/" + s.Prefix, Remedy: r.command("backfill", "--source "+s.Bucket)}
		check := func() error {
			ids := make([]string, len(batch))
			for i, o := range batch {
				ids[i] = backfill.ID(r.Feed, s.Bucket, o)
			}
			states, err := ledger.States(ctx, r.DynamoDB, r.Table, r.Feed, ids)
			if err != nil {
				return err
			}
			for i, o := range batch {
				if _, known := states[ids[i]]; known {
					continue
				}
				f := Finding{
					Kind: NoEvent, Upload: ids[i], Source: "s3://" + s.Bucket + "/" + o.Key, Count: 1,
					Detail: fmt.Sprintf("the object, put at %s, is not in the ledger: no notification of it has arrived", o.Modified.UTC().Format("2006-01-02 15:04:05")),
					Remedy: r.command("backfill", "--source "+s.Bucket+" --prefix "+quoted(o.Key)),
				}
				waiting, found, err := r.Ledger.GetWaiting(ctx, r.Feed, ids[i])
				if err != nil {
					return err
				}
				since := o.Modified
				if found {
					since, f.Kind, f.Remedy = waiting.Since, Stuck, r.command("replay", "")
					f.Detail = fmt.Sprintf("the object waits since %s to be unpacked with other small ones", since.UTC().Format("2006-01-02 15:04:05"))
				}
				if r.now().Sub(since) < r.GracePeriod {
					f.Kind, f.Remedy = Waiting, ""
				}
				switch {
				case reported < maxReported:
					reported++
					result.Findings = append(result.Findings, f)
				case f.Difference():
					others.Count++
				}
			}
			result.Objects += int64(len(batch))
			batch = batch[:0]
			return nil
		}
		ignored := Ignored{Bucket: s.Bucket}
		for o, err := range s3source.List(ctx, s.API, s3source.ListInput{Bucket: s.Bucket, Prefix: s.listPrefix(), RequesterPays: s.RequesterPays}) {
			if err != nil {
				return err
			}
			if o.Modified.Before(r.Since) || feed.IsFolderMarker(o.Key, o.Size) {
				continue
			}
			if !s.Accepts(o.Key) {
				if _, accepted := r.Spec.SourceOf(s.Bucket, o.Key); !accepted {
					ignored.Count++
					ignored.Example = o.Key
				}
				continue
			}
			if batch = append(batch, o); len(batch) == ledger.MaxStates {
				if err := check(); err != nil {
					return err
				}
			}
		}
		if err := check(); err != nil {
			return err
		}
		if ignored.Count > 0 {
			result.Ignored = append(result.Ignored, ignored)
		}
		if others.Count > 0 {
			others.Detail = fmt.Sprintf("%d more objects are not in the ledger", others.Count)
			result.Findings = append(result.Findings, others)
		}
	}
	return nil
}
