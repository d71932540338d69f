package simulate

import "time"

const (
	gigabyte = 1e9
	terabyte = 1e12
)

// Scenarios are those of docs/performance.md.
func Scenarios() []Scenario {
	const recordBytes = 533
	return []Scenario{
		{Name: "a: 1 GB in one file", Files: 1, FileBytes: gigabyte, Feeds: 1, Stream: true, RecordBytes: recordBytes},
		{Name: "b: 100 GB in 1,000 files within a minute", Files: 1000, FileBytes: 0.1 * gigabyte, Within: time.Minute, Feeds: 1, Stream: true, RecordBytes: recordBytes},
		{Name: "c: 1 TB in 10,000 files within an hour", Files: 10_000, FileBytes: 0.1 * gigabyte, Within: time.Hour, Feeds: 1, Stream: true, RecordBytes: recordBytes},
		{Name: "d: backfill of 10 TB in 100,000 files", Files: 100_000, FileBytes: 0.1 * gigabyte, Within: 2000 * time.Second, Feeds: 1, Stream: true, RecordBytes: recordBytes},
		{Name: "e1: one gzip of 1 TB", Files: 1, FileBytes: terabyte, Feeds: 1, Stream: true, RecordBytes: recordBytes},
		{Name: "e2: one zip of 1 TB", Files: 1, FileBytes: terabyte, Feeds: 1, RecordBytes: recordBytes},
		{Name: "f: 100 feeds of 10 GB at once", Files: 10_000, FileBytes: 0.1 * gigabyte, Within: time.Minute, Feeds: 100, Stream: true, RecordBytes: recordBytes},
		{Name: "g: 10 million files of 5 KB in an hour", Files: 10_000_000, FileBytes: 5000, Within: time.Hour, Feeds: 1, Stream: true, RecordBytes: recordBytes},
	}
}
