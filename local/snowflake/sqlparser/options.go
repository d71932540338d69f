package sqlparser

// rule describes one option.
type rule struct {
	value valueCheck
	// create and alter say which statements accept the option.
	create, alter bool
	required      bool // in CREATE
}

// table has the options of a kind of object, as the documentation of its CREATE
// and ALTER lists them, for the storage providers and file types that this
// project uses. An option that is missing here is an error.
// https://docs.snowflake.com/en/sql-reference/sql-all
type table map[string]rule

func both(c valueCheck) rule     { return rule{value: c, create: true, alter: true} }
func required(c valueCheck) rule { return rule{value: c, create: true, alter: true, required: true} }
func create(c valueCheck) rule   { return rule{value: c, create: true} }
func alter(c valueCheck) rule    { return rule{value: c, alter: true} }

var integrationOptions = table{
	"TYPE":                      {value: oneOf("EXTERNAL_STAGE"), create: true, required: true},
	"STORAGE_PROVIDER":          {value: oneOf("S3", "S3GOV", "S3CHINA"), create: true, required: true},
	"STORAGE_AWS_ROLE_ARN":      required(text),
	"STORAGE_AWS_EXTERNAL_ID":   both(text),
	"STORAGE_AWS_OBJECT_ACL":    both(oneOf("bucket-owner-full-control")),
	"ENABLED":                   required(boolean),
	"STORAGE_ALLOWED_LOCATIONS": required(stringList),
	"STORAGE_BLOCKED_LOCATIONS": both(stringList),
	"USE_PRIVATELINK_ENDPOINT":  both(boolean),
	"COMMENT":                   both(text),
}

var compressions = oneOf("AUTO", "GZIP", "BZ2", "BROTLI", "ZSTD", "DEFLATE", "RAW_DEFLATE", "NONE")

// commonFormat has the options of every type of file, formatOptions those of one type.
var commonFormat = table{
	"TYPE":                       create(oneOf("CSV", "JSON")), // the default is CSV
	"COMPRESSION":                both(compressions),
	"FILE_EXTENSION":             both(text),
	"DATE_FORMAT":                both(textOr("AUTO")),
	"TIME_FORMAT":                both(textOr("AUTO")),
	"TIMESTAMP_FORMAT":           both(textOr("AUTO")),
	"BINARY_FORMAT":              both(oneOf("HEX", "BASE64", "UTF8")),
	"TRIM_SPACE":                 both(boolean),
	"NULL_IF":                    both(emptyOrStringList),
	"REPLACE_INVALID_CHARACTERS": both(boolean),
	"SKIP_BYTE_ORDER_MARK":       both(boolean),
	"COMMENT":                    both(text), // of a named format
}

var formatOptions = map[string]table{
	"CSV": {
		"RECORD_DELIMITER":               both(textOr("NONE")),
		"FIELD_DELIMITER":                both(textOr("NONE")),
		"MULTI_LINE":                     both(boolean),
		"PARSE_HEADER":                   both(boolean),
		"SKIP_HEADER":                    both(number),
		"SKIP_BLANK_LINES":               both(boolean),
		"ESCAPE":                         both(textOr("NONE")),
		"ESCAPE_UNENCLOSED_FIELD":        both(textOr("NONE")),
		"FIELD_OPTIONALLY_ENCLOSED_BY":   both(textOr("NONE")),
		"ERROR_ON_COLUMN_COUNT_MISMATCH": both(boolean),
		"EMPTY_FIELD_AS_NULL":            both(boolean),
		"ENCODING":                       both(textOr("UTF8")),
	},
	"JSON": {
		"MULTI_LINE":         both(boolean),
		"ENABLE_OCTAL":       both(boolean),
		"ALLOW_DUPLICATE":    both(boolean),
		"STRIP_OUTER_ARRAY":  both(boolean),
		"STRIP_NULL_VALUES":  both(boolean),
		"IGNORE_UTF8_ERRORS": both(boolean),
	},
}

var stageOptions = table{
	"URL":                 required(text),
	"STORAGE_INTEGRATION": required(name),
	"ENCRYPTION":          both(nested("ENCRYPTION", table{"TYPE": create(oneOf("AWS_SSE_S3", "AWS_SSE_KMS", "NONE")), "KMS_KEY_ID": create(text)})),
	"DIRECTORY":           both(nested("DIRECTORY", table{"ENABLE": create(boolean), "AUTO_REFRESH": create(boolean), "REFRESH_ON_CREATE": create(boolean), "AWS_SNS_TOPIC": create(text)})),
	"FILE_FORMAT":         both(fileFormat),
	"COMMENT":             both(text),
}

var tableOptions = table{
	"CLUSTER BY":                        create(expressions),
	"ENABLE_SCHEMA_EVOLUTION":           both(boolean),
	"DATA_RETENTION_TIME_IN_DAYS":       both(number),
	"MAX_DATA_EXTENSION_TIME_IN_DAYS":   both(number),
	"CHANGE_TRACKING":                   both(boolean),
	"DEFAULT_DDL_COLLATION":             both(text),
	"COPY GRANTS":                       create(nothing),
	"COMMENT":                           both(text),
	"ERROR_ON_NONDETERMINISTIC_COLUMNS": alter(boolean),
}

var pipeOptions = table{
	"AUTO_INGEST":           create(boolean),
	"AWS_SNS_TOPIC":         create(text),
	"INTEGRATION":           create(text),
	"ERROR_INTEGRATION":     both(name),
	"PIPE_EXECUTION_PAUSED": alter(boolean),
	"COMMENT":               both(text),
}

// refreshOptions has the options of ALTER PIPE … REFRESH.
var refreshOptions = table{"PREFIX": alter(text), "MODIFIED_AFTER": alter(text)}

var taskOptions = table{
	"WAREHOUSE": both(name),
	"USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE": both(oneOf("XSMALL", "SMALL", "MEDIUM", "LARGE", "XLARGE", "XXLARGE")),
	"SCHEDULE":                        both(schedule),
	"CONFIG":                          both(text),
	"OVERLAP_POLICY":                  both(oneOf("NO_OVERLAP", "ALLOW_CHILD_OVERLAP", "ALLOW_ALL_OVERLAP")),
	"ALLOW_OVERLAPPING_EXECUTION":     both(boolean),
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

var externalTableOptions = table{
	"PARTITION BY":      create(expressions),
	"LOCATION":          {value: location, create: true, required: true},
	"REFRESH_ON_CREATE": create(boolean),
	"AUTO_REFRESH":      both(boolean),
	"PATTERN":           create(text),
	"FILE_FORMAT":       {value: fileFormat, create: true, required: true},
	"AWS_SNS_TOPIC":     create(text),
	"COPY GRANTS":       create(nothing),
	"COMMENT":           create(text),
}

var streamOptions = table{
	"APPEND_ONLY":       create(boolean),
	"INSERT_ONLY":       create(boolean),
	"SHOW_INITIAL_ROWS": create(boolean),
	"COMMENT":           both(text),
}

var viewOptions = table{
	"COPY GRANTS":     create(nothing),
	"CHANGE_TRACKING": both(boolean),
	"COMMENT":         both(text),
}

var copyOptions = table{
	"FILES":                create(stringList),
	"PATTERN":              create(text),
	"FILE_FORMAT":          create(fileFormat),
	"ON_ERROR":             create(onError),
	"SIZE_LIMIT":           create(number),
	"PURGE":                create(boolean),
	"RETURN_FAILED_ONLY":   create(boolean),
	"MATCH_BY_COLUMN_NAME": create(oneOf("CASE_SENSITIVE", "CASE_INSENSITIVE", "NONE")),
	"INCLUDE_METADATA":     create(includeMetadata),
	"ENFORCE_LENGTH":       create(boolean),
	"TRUNCATECOLUMNS":      create(boolean),
	"FORCE":                create(boolean),
	"LOAD_UNCERTAIN_FILES": create(boolean),
	"VALIDATION_MODE":      create(validationMode),
}

// exclusive lists options that exclude each other.
var exclusive = []struct{ a, b, reason string }{
	{"PARSE_HEADER", "SKIP_HEADER", "the header row is either read or skipped"},
	{"WAREHOUSE", "USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE", "a task has a warehouse or is serverless"},
	{"FILES", "PATTERN", "files are named or matched"},
	{"AWS_SNS_TOPIC", "INTEGRATION", "a pipe is notified by a topic or by a notification integration"},
	{"APPEND_ONLY", "INSERT_ONLY", "the one is for tables, the other for external tables"},
}

// notInPipes lists options of COPY that are not allowed in a pipe.
// https://docs.snowflake.com/en/sql-reference/sql/create-pipe#usage-notes
var notInPipes = []string{"FILES", "FORCE", "PURGE", "SIZE_LIMIT", "RETURN_FAILED_ONLY", "VALIDATION_MODE"}

// metadataColumns lists the metadata of a file that a COPY can select.
// https://docs.snowflake.com/en/user-guide/querying-metadata
var metadataColumns = []string{
	"METADATA$FILENAME", "METADATA$FILE_ROW_NUMBER", "METADATA$FILE_CONTENT_KEY",
	"METADATA$FILE_LAST_MODIFIED", "METADATA$START_SCAN_TIME",
}
