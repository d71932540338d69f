package reconcile

import (
	"context"
	"fmt"

	"ingestion/internal/feed"
	"ingestion/internal/ledger"
	"ingestion/internal/listing"
	"ingestion/internal/operate/backfill"
)

// Source is a source of the feed, with what lists it.
type Source struct {
	feed.Source
	API listing.API
}

// unknown finds the objects of the sources that the ledger does not know.
func (r *Reconcile) unknown(ctx context.Context, result *Result) error {
	for _, s := range r.Sources {
		var batch []listing.Object
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
					Mend:   fmt.Sprintf("ingest backfill %s --source %s --prefix '%s'", r.Feed, s.Bucket, o.Key),
				}
				if r.now().Sub(o.Modified) < r.Patience {
					f.Kind, f.Mend = Waiting, ""
				}
				result.Findings = append(result.Findings, f)
			}
			result.Objects += int64(len(batch))
			batch = batch[:0]
			return nil
		}
		for o, err := range listing.Objects(ctx, s.API, listing.Range{Bucket: s.Bucket, Prefix: s.Prefix, RequesterPays: s.RequesterPays}) {
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
	}
	return nil
}
