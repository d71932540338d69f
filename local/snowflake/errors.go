package snowflake

import (
	"errors"
	"fmt"

	"example.com/ingestion/local/snowflake/sqlparser"
)

// sqlError is an error in Snowflake's format: a number of six digits, the SQLSTATE
// and a message.
type sqlError struct {
	code    string
	state   string
	message string
}

func (e *sqlError) Error() string { return e.code + " (" + e.state + "): " + e.message }

func errorf(code, state, format string, args ...any) error {
	return &sqlError{code: code, state: state, message: fmt.Sprintf(format, args...)}
}

// asSQLError converts an error to Snowflake's format. Unknown errors become
// internal errors.
func asSQLError(err error) *sqlError {
	var known *sqlError
	if errors.As(err, &known) {
		return known
	}
	var syntax *sqlparser.Error
	if errors.As(err, &syntax) {
		return &sqlError{code: syntax.Number, state: "42601", message: "SQL compilation error:\n" + syntax.Message}
	}
	return &sqlError{code: "000603", state: "XX000", message: "SQL execution internal error: " + err.Error()}
}

func errSyntax(format string, args ...any) error {
	return errorf("001003", "42000", "SQL compilation error:\n"+format, args...)
}

// errUnknown is the error for an object that does not exist or that the role is not
// authorized to see: Snowflake does not distinguish the two.
func errUnknown(kind, name string) error {
	state := "02000"
	switch kind {
	case "Object", "Table", "View", "External table":
		kind, state = "Object", "42S02"
	}
	return errorf("002003", state, "SQL compilation error:\n%s '%s' does not exist or not authorized.", kind, name)
}

func errExists(name string) error {
	return errorf("002002", "42710", "SQL compilation error:\nObject '%s' already exists.", name)
}

func errDenied(kind, name string) error {
	return errorf("003001", "42501", "SQL access control error:\nInsufficient privileges to operate on %s '%s'.", kind, name)
}

func errUnsupported(what string) error {
	return errorf("000002", "0A000", "Unsupported feature '%s': the local Snowflake does not support it.", what)
}

func errInvalid(format string, args ...any) error {
	return errorf("001008", "22023", "SQL compilation error:\n"+format, args...)
}
