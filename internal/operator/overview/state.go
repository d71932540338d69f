package overview

import "example.com/ingestion/internal/store/ledger"

// UploadState is the state of an upload: the state in the ledger, except that a loaded
// upload with quarantined records is Partial or Rejected.
type UploadState string

// The states of an upload.
const (
	Unpacking = UploadState(ledger.Unpacking)
	Unpacked  = UploadState(ledger.Unpacked)
	Loaded    = UploadState(ledger.Loaded)
	Missing   = UploadState(ledger.Missing)
	// Partial: some records are in the table, the others in quarantine.
	Partial UploadState = "partial"
	// Rejected: no record is in the table, all are in quarantine.
	Rejected UploadState = "rejected"
)

// Done reports whether the processing of the upload has ended.
func (s UploadState) Done() bool { return s != Unpacking && s != Unpacked }

// UploadStates are all states of an upload.
var UploadStates = []UploadState{Unpacking, Unpacked, Loaded, Partial, Rejected, Missing}

// StateOf returns the state of an upload.
func StateOf(u ledger.Upload) UploadState {
	if u.State == ledger.Loaded {
		return UploadState(u.Outcome())
	}
	return UploadState(u.State)
}
