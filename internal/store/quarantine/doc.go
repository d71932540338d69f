// Package quarantine stores records that cannot be loaded, complete and with the
// reason, as gzipped NDJSON objects in the landing bucket, and reads them again
// for replay. Each line is a [Record].
package quarantine
