// Package records reads the records of a deployed feed from its DynamoDB table.
// `ingest records` is built on it.
//
//	feed, err := records.Open(ctx, cfg, "orders")
//	if err != nil {
//		return err
//	}
//	large, err := records.ParseFilter(`.data.amount >= 100`)
//	if err != nil {
//		return err
//	}
//	for r, err := range feed.Read(ctx, records.Query{Filters: []*records.Filter{large}}) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(r.ID, string(r.Data))
//	}
//
// Query.File reads the newest version of one source file, and [Feed.Versions] the records with
// a key, newest first:
//
//	for r, err := range feed.Versions(ctx, records.KeyQuery{Values: []string{"4711"}, Limit: 1}) {
//
// Records are queried by the keys of the table, never scanned: the uploads of the
// feed come from the index of the ledger, then up to 16 pages of an upload are read
// concurrently. Records are returned in the order of their file. Memory is bounded
// by two pages per shard of one upload (at most 64 shards), however many records
// there are.
package records
