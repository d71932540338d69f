package snowflake

import "strings"

// Kind is a kind of object, as statements write it.
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

// Object is one object in Snowflake. Its statements have no trailing semicolon;
// each is one call of the driver.
type Object interface {
	Kind() Kind
	// Name is the name as statements write it: quoted and, except for an
	// integration, qualified.
	Name() string
	// StoredName is the last part of the name as the catalog keeps it, unquoted:
	// column "name" of what Describe answers.
	StoredName() string
	// Create makes the object if it is missing and leaves an existing one alone;
	// a view alone is replaced, because nothing hangs on it but grants, which it keeps.
	Create() []string
	// Alter brings an existing object of the same owner to this definition in
	// place. Empty: its kind cannot be altered, see its Replace.
	Alter() []string
	// Describe answers with the object's row, which has its name and comment. It
	// is SHOW … LIKE: a missing object is no row, not an error, and rows of
	// similar names come with it, so that callers compare "name" with StoredName.
	// An integration alone answers to DESC, with a row for each property.
	Describe() string
	// Drop drops the object if it exists.
	Drop() string
	// Mark is what the object's comment says once it has this definition.
	Mark() Mark
}

// Place names an object of a schema.
type Place struct {
	Database, Schema, Object string
}

// Name is the qualified name, quoted.
func (p Place) Name() string { return Qualified(p.Database, p.Schema, p.Object) }

// StoredName is the object's own name, as the catalog keeps it.
func (p Place) StoredName() string { return stored(p.Object) }

// show lists the objects of that kind and name in the place's schema. A
// backslash would escape in a LIKE pattern: "any one character" stands for it.
func (p Place) show(kind Kind) string {
	pattern := strings.ReplaceAll(p.StoredName(), `\`, "_")
	return "SHOW " + string(kind) + "S LIKE " + Literal(pattern) + " IN SCHEMA " + Qualified(p.Database, p.Schema)
}

func drop(kind Kind, name string) string { return "DROP " + string(kind) + " IF EXISTS " + name }
