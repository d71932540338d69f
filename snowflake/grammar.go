package snowflake

// rule says what an option takes and where it may stand.
type rule struct {
	value value
	// create and alter say which statements know the option.
	create, alter bool
	required      bool // in create
}

// The table of options. One for the generator and for the local Snowflake: an
// option that is not here is an error to both, as it is to Snowflake. It has
// what the documentation of each CREATE and ALTER lists for the kinds, storage
// providers and file types that this project uses.
type options map[string]rule

func both(v value) rule     { return rule{value: v, create: true, alter: true} }
func required(v value) rule { return rule{value: v, create: true, alter: true, required: true} }
func create(v value) rule   { return rule{value: v, create: true} }
func alter(v value) rule    { return rule{value: v, alter: true} }

var integrationOptions = options{
	"TYPE":                      {value: oneOf("EXTERNAL_STAGE"), create: true, required: true},
	"STORAGE_PROVIDER":          {value: oneOf("S3", "S3GOV", "S3CHINA"), create: true, required: true},
	"STORAGE_AWS_ROLE_ARN":      required(text),
	"STORAGE_AWS_EXTERNAL_ID":   both(text),
	"STORAGE_AWS_OBJECT_ACL":    both(oneOf("bucket-owner-full-control")),
	"ENABLED":                   required(truth),
	"STORAGE_ALLOWED_LOCATIONS": required(texts),
	"STORAGE_BLOCKED_LOCATIONS": both(texts),
	"USE_PRIVATELINK_ENDPOINT":  both(truth),
	"COMMENT":                   both(text),
}

var compressions = oneOf("AUTO", "GZIP", "BZ2", "BROTLI", "ZSTD", "DEFLATE", "RAW_DEFLATE", "NONE")

// commonFormat are the options of every type of file; those of one type follow.
var commonFormat = options{
	"TYPE":                       create(oneOf("CSV", "JSON")), // CSV unless said
	"COMPRESSION":                both(compressions),
	"FILE_EXTENSION":             both(text),
	"DATE_FORMAT":                both(textOr("AUTO")),
	"TIME_FORMAT":                both(textOr("AUTO")),
	"TIMESTAMP_FORMAT":           both(textOr("AUTO")),
	"BINARY_FORMAT":              both(oneOf("HEX", "BASE64", "UTF8")),
	"TRIM_SPACE":                 both(truth),
	"NULL_IF":                    both(textsOrNone),
	"REPLACE_INVALID_CHARACTERS": both(truth),
	"SKIP_BYTE_ORDER_MARK":       both(truth),
	"COMMENT":                    both(text), // of the format as an object
}

var formatOptions = map[string]options{
	"CSV": {
		"RECORD_DELIMITER":               both(textOr("NONE")),
		"FIELD_DELIMITER":                both(textOr("NONE")),
		"MULTI_LINE":                     both(truth),
		"PARSE_HEADER":                   both(truth),
		"SKIP_HEADER":                    both(number),
		"SKIP_BLANK_LINES":               both(truth),
		"ESCAPE":                         both(textOr("NONE")),
		"ESCAPE_UNENCLOSED_FIELD":        both(textOr("NONE")),
		"FIELD_OPTIONALLY_ENCLOSED_BY":   both(textOr("NONE")),
		"ERROR_ON_COLUMN_COUNT_MISMATCH": both(truth),
		"EMPTY_FIELD_AS_NULL":            both(truth),
		"ENCODING":                       both(textOr("UTF8")),
	},
	"JSON": {
		"MULTI_LINE":         both(truth),
		"ENABLE_OCTAL":       both(truth),
		"ALLOW_DUPLICATE":    both(truth),
		"STRIP_OUTER_ARRAY":  both(truth),
		"STRIP_NULL_VALUES":  both(truth),
		"IGNORE_UTF8_ERRORS": both(truth),
	},
}

var stageOptions = options{
	"URL":                 required(text),
	"STORAGE_INTEGRATION": required(name),
	"ENCRYPTION":          both(bracketed("ENCRYPTION", options{"TYPE": create(oneOf("AWS_SSE_S3", "AWS_SSE_KMS", "NONE")), "KMS_KEY_ID": create(text)})),
	"DIRECTORY":           both(bracketed("DIRECTORY", options{"ENABLE": create(truth), "AUTO_REFRESH": create(truth), "REFRESH_ON_CREATE": create(truth), "AWS_SNS_TOPIC": create(text)})),
	"FILE_FORMAT":         both(fileFormat),
	"COMMENT":             both(text),
}

var tableOptions = options{
	"CLUSTER BY":                        create(anyBrackets),
	"ENABLE_SCHEMA_EVOLUTION":           both(truth),
	"DATA_RETENTION_TIME_IN_DAYS":       both(number),
	"MAX_DATA_EXTENSION_TIME_IN_DAYS":   both(number),
	"CHANGE_TRACKING":                   both(truth),
	"DEFAULT_DDL_COLLATION":             both(text),
	"COPY GRANTS":                       create(nothing),
	"COMMENT":                           both(text),
	"ERROR_ON_NONDETERMINISTIC_COLUMNS": alter(truth),
}

var pipeOptions = options{
	"AUTO_INGEST":           create(truth),
	"AWS_SNS_TOPIC":         create(text),
	"INTEGRATION":           create(text),
	"ERROR_INTEGRATION":     both(name),
	"PIPE_EXECUTION_PAUSED": alter(truth),
	"COMMENT":               both(text),
}

// refreshOptions are those of ALTER PIPE … REFRESH.
var refreshOptions = options{"PREFIX": alter(text), "MODIFIED_AFTER": alter(text)}

var taskOptions = options{
	"WAREHOUSE": both(name),
	"USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE": both(oneOf("XSMALL", "SMALL", "MEDIUM", "LARGE", "XLARGE", "XXLARGE")),
	"SCHEDULE":                        both(schedule),
	"CONFIG":                          both(text),
	"OVERLAP_POLICY":                  both(oneOf("NO_OVERLAP", "ALLOW_CHILD_OVERLAP", "ALLOW_ALL_OVERLAP")),
	"ALLOW_OVERLAPPING_EXECUTION":     both(truth),
	"USER_TASK_TIMEOUT_MS":            both(number),
	"SUSPEND_TASK_AFTER_NUM_FAILURES": both(number),
	"TASK_AUTO_RETRY_ATTEMPTS":        both(number),
	"USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS": both(number),
	"TARGET_COMPLETION_INTERVAL":                    both(text),
	"SERVERLESS_TASK_MIN_STATEMENT_SIZE":            both(oneOf("XSMALL", "SMALL", "MEDIUM", "LARGE", "XLARGE", "XXLARGE")),
	"SERVERLESS_TASK_MAX_STATEMENT_SIZE":            both(oneOf("XSMALL", "SMALL", "MEDIUM", "LARGE", "XLARGE", "XXLARGE")),
	"ERROR_INTEGRATION":                             both(name),
	"SUCCESS_INTEGRATION":                           both(name),
	"TIMEZONE":                                      both(text),
	"COMMENT":                                       both(text),
}

var externalTableOptions = options{
	"PARTITION BY":      create(anyBrackets),
	"LOCATION":          {value: location, create: true, required: true},
	"REFRESH_ON_CREATE": create(truth),
	"AUTO_REFRESH":      both(truth),
	"PATTERN":           create(text),
	"FILE_FORMAT":       {value: fileFormat, create: true, required: true},
	"AWS_SNS_TOPIC":     create(text),
	"COPY GRANTS":       create(nothing),
	"COMMENT":           create(text),
}

var streamOptions = options{
	"APPEND_ONLY":       create(truth),
	"INSERT_ONLY":       create(truth),
	"SHOW_INITIAL_ROWS": create(truth),
	"COMMENT":           both(text),
}

var viewOptions = options{
	"COPY GRANTS":     create(nothing),
	"CHANGE_TRACKING": both(truth),
	"COMMENT":         both(text),
}

var copyOptions = options{
	"FILES":                create(texts),
	"PATTERN":              create(text),
	"FILE_FORMAT":          create(fileFormat),
	"ON_ERROR":             create(onError),
	"SIZE_LIMIT":           create(number),
	"PURGE":                create(truth),
	"RETURN_FAILED_ONLY":   create(truth),
	"MATCH_BY_COLUMN_NAME": create(oneOf("CASE_SENSITIVE", "CASE_INSENSITIVE", "NONE")),
	"INCLUDE_METADATA":     create(metadata),
	"ENFORCE_LENGTH":       create(truth),
	"TRUNCATECOLUMNS":      create(truth),
	"FORCE":                create(truth),
	"LOAD_UNCERTAIN_FILES": create(truth),
	"VALIDATION_MODE":      create(validation),
}

// exclusive are options that one statement cannot have together.
var exclusive = []struct{ a, b, reason string }{
	{"PARSE_HEADER", "SKIP_HEADER", "the header row is either read or skipped"},
	{"WAREHOUSE", "USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE", "a task has a warehouse or is serverless"},
	{"FILES", "PATTERN", "files are named or matched"},
	{"AWS_SNS_TOPIC", "INTEGRATION", "a pipe hears from a topic or from a notification integration"},
	{"APPEND_ONLY", "INSERT_ONLY", "the one is for tables, the other for external tables"},
}

// notInPipes are options of COPY that a pipe's may not have (documentation:
// "CREATE PIPE", usage notes).
var notInPipes = []string{"FILES", "FORCE", "PURGE", "SIZE_LIMIT", "RETURN_FAILED_ONLY", "VALIDATION_MODE"}

// metadataColumns are the facts of a file that a query over a stage can select.
var metadataColumns = []string{
	"METADATA$FILENAME", "METADATA$FILE_ROW_NUMBER", "METADATA$FILE_CONTENT_KEY",
	"METADATA$FILE_LAST_MODIFIED", "METADATA$START_SCAN_TIME",
}
