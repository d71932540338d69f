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

// maxNamed is how many objects of a source are named that the ledger does not
// know: of a bucket that was never taken in, that would be all.
const maxNamed = 1000

// command is what to type for a verb of the feed.
func (r *Reconcile) command(verb, more string) string {
	words := []string{"ingest", verb, cmp.Or(r.Called, r.Feed)}
	if more != "" {
		words = append(words, more)
	}
	return strings.Join(append(words, r.Flags...), " ")
}

// quoted is a text as a shell takes it for one word.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// unknown finds the objects of the sources that the ledger does not know.
func (r *Reconcile) unknown(ctx context.Context, result *Result) error {
	for _, s := range r.Sources {
		var batch []s3source.ListedObject
		named := 0
		more := Finding{Kind: NoEvent, Source: "s3://" + s.Bucket + "/" + s.Prefix, Mend: r.command("backfill", "--source "+s.Bucket)}
		look := func() error {
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
					Detail: fmt.Sprintf("the ledger does not know the object, which was put at %s: no event of it has arrived", o.Modified.UTC().Format("2006-01-02 15:04:05")),
					Mend:   r.command("backfill", "--source "+s.Bucket+" --prefix "+quoted(o.Key)),
				}
				if r.now().Sub(o.Modified) < r.Patience {
					f.Kind, f.Mend = Waiting, ""
				}
				switch {
				case named < maxNamed:
					named++
					result.Findings = append(result.Findings, f)
				case f.Difference():
					more.Count++
				}
			}
			result.Objects += int64(len(batch))
			batch = batch[:0]
			return nil
		}
		for o, err := range s3source.List(ctx, s.API, s3source.ListInput{Bucket: s.Bucket, Prefix: s.Prefix, RequesterPays: s.RequesterPays}) {
			if err != nil {
				return err
			}
			if !s.Accepts(o.Key) || o.Modified.Before(r.Since) {
				continue
			}
			if batch = append(batch, o); len(batch) == ledger.MaxStates {
				if err := look(); err != nil {
					return err
				}
			}
		}
		if err := look(); err != nil {
			return err
		}
		if more.Count > 0 {
			more.Detail = fmt.Sprintf("the ledger does not know %d more objects", more.Count)
			result.Findings = append(result.Findings, more)
		}
	}
	return nil
}
