package feed

// Names of the events that announce uploads on the default bus of EventBridge. They are a
// contract: rules match them.
const (
	// EventSource is the source of the events.
	EventSource = "ingestion"
	// The detail types: every record of the file is in the table; some of them are in
	// quarantine; none could be stored.
	EventUploadLoaded       = "Upload Loaded"
	EventUploadPartlyLoaded = "Upload Partly Loaded"
	EventUploadRejected     = "Upload Rejected"
)
