package feedtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"example.com/ingestion/internal/store/ledger"
)

// Report has the counts of the files that were put into one feed.
type Report struct {
	Feed                              string
	Files, Expected                   int64
	RecordsIn, Stored, Quarantined    int64
	InTable                           int64 // items counted in the table itself
	InSnowflake                       int64 // rows of the feed's view there
	BytesIn, BytesUnpacked, BytesLand int64
	BytesSnowflake                    int64         // of the feed's table there, as Snowflake stores it
	Elapsed                           time.Duration // from the first start to the last end
	problems                          []error
}

// Check counts the records of the files in the ledger and in the table.
func (f *Feed) Check(ctx context.Context, files []File, uploads []ledger.Upload) (Report, error) {
	r := Report{Feed: f.Name, Files: int64(len(files))}
	expected := map[string]int64{}
	for _, file := range files {
		expected[file.Key] = file.Records
		r.Expected += file.Records
	}
	var first, last time.Time
	for _, u := range uploads {
		n, err := f.CountItems(ctx, u)
		if err != nil {
			return r, err
		}
		r.RecordsIn += u.Records
		r.Stored += u.Stored
		r.Quarantined += u.Quarantined()
		r.InTable += n
		r.BytesIn += u.Size
		r.BytesUnpacked += u.BytesUnpacked
		r.BytesLand += u.BytesLanded
		if first.IsZero() || u.StartedAt.Before(first) {
			first = u.StartedAt
		}
		if u.LoadedAt.After(last) {
			last = u.LoadedAt
		}
		want, known := expected[u.Key]
		switch {
		case !known:
			r.problem("%s: %s was not put here", f.Name, u.Key)
		case u.State != ledger.Loaded:
			r.problem("%s: %s is %s: %s", f.Name, u.Key, u.State, u.Message)
		case !u.Balanced():
			r.problem("%s: %s: %d records in, but %d stored, %d quarantined and %d filtered", f.Name, u.Key, u.Records, u.Stored, u.Quarantined(), u.Filtered)
		case u.Records != want:
			r.problem("%s: %s has %d records, the ledger says %d", f.Name, u.Key, want, u.Records)
		case n != u.Stored:
			r.problem("%s: %s: the ledger says %d stored, the table has %d items", f.Name, u.Key, u.Stored, n)
		}
		delete(expected, u.Key)
	}
	for key := range expected {
		r.problem("%s: %s never came to the ledger", f.Name, key)
	}
	r.Elapsed = last.Sub(first)
	return r, nil
}

func (r *Report) problem(format string, args ...any) {
	r.problems = append(r.problems, fmt.Errorf(format, args...))
}

// Err returns every difference between the counts, joined.
func (r *Report) Err() error { return errors.Join(r.problems...) }

// Print writes the reports as one table: records first, then bytes.
func Print(w io.Writer, reports []Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "feed\tfiles\trecords in files\tin ledger\tquarantined\tin table\tin Snowflake\tbytes of files\tunpacked\tin parts\tin Snowflake\tseconds\t")
	for _, r := range reports {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f\t\n", r.Feed, r.Files, r.Expected, r.RecordsIn,
			r.Quarantined, r.InTable, r.InSnowflake, r.BytesIn, r.BytesUnpacked, r.BytesLand, r.BytesSnowflake, r.Elapsed.Seconds())
	}
	return t.Flush()
}
