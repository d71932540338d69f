package snowflake

import "strings"

// Kind is a kind of object, as it is written in statements.
type Kind string

// The kinds of object.
const (
	KindStorageIntegration Kind = "STORAGE INTEGRATION"
	KindFileFormat         Kind = "FILE FORMAT"
	KindStage              Kind = "STAGE"
	KindTable              Kind = "TABLE"
	KindExternalTable      Kind = "EXTERNAL TABLE"
	KindPipe               Kind = "PIPE"
	KindTask               Kind = "TASK"
	KindStream             Kind = "STREAM"
	KindView               Kind = "VIEW"
)

// Object is one object in Snowflake. Each string that its methods return is one
// statement for the driver, without a semicolon at the end.
type Object interface {
	Kind() Kind
	// Name returns the name as statements use it: quoted and, except for an
	// integration, qualified.
	Name() string
	// StoredName returns the last part of the name as Snowflake's catalog has it,
	// unquoted: column "name" in the result of Describe.
	StoredName() string
	// Create creates the object if it does not exist. An existing view is replaced
	// and keeps its grants.
	Create() []string
	// Alter changes an existing object of the same owner to this definition. It
	// returns nothing if the kind cannot be altered: see its Replace.
	Alter() []string
	// Describe returns the object's row with its name and comment. It is SHOW …
	// LIKE: there is no row if the object does not exist, and there may be rows of
	// similar names, so that callers have to compare column "name" with StoredName.
	// For an integration it is DESC, with a row for each property.
	Describe() string
	// Drop drops the object if it exists.
	Drop() string
	// Comment returns the comment that the object has with this definition.
	Comment() Comment
}

// ObjectName is the name of an object in a schema, unquoted.
type ObjectName struct {
	Database, Schema, Object string
}

// Name returns the qualified name, quoted.
func (n ObjectName) Name() string { return Qualified(n.Database, n.Schema, n.Object) }

// StoredName returns the name of the object as Snowflake's catalog has it.
func (n ObjectName) StoredName() string { return stored(n.Object) }

// show lists the objects of the kind with this name in the schema. A backslash
// would be an escape character in a LIKE pattern; _ matches it, as any other character.
func (n ObjectName) show(kind Kind) string {
	pattern := strings.ReplaceAll(n.StoredName(), `\`, "_")
	return "SHOW " + string(kind) + "S LIKE " + Literal(pattern) + " IN SCHEMA " + Qualified(n.Database, n.Schema)
}

func drop(kind Kind, name string) string { return "DROP " + string(kind) + " IF EXISTS " + name }
