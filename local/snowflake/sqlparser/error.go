package sqlparser

import "fmt"

// The numbers of Snowflake's errors that this package reports.
const (
	NumberSyntax          = "001003"
	NumberDuplicateOption = "001009"
	NumberMissingOption   = "002029"
)

// Error describes what is wrong with a statement.
type Error struct {
	// Number is the number of Snowflake's error.
	Number string
	// Message says what is wrong, what is allowed, and where.
	Message string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

func errorf(format string, args ...any) *Error {
	return &Error{Number: NumberSyntax, Message: fmt.Sprintf(format, args...)}
}

// within prepends what an error is about, and keeps its number.
func within(what string, err error) error {
	if e, ok := err.(*Error); ok { //nolint:errorlint // this package does not wrap its errors
		return &Error{Number: e.Number, Message: what + ": " + e.Message}
	}
	return fmt.Errorf("%s: %w", what, err)
}
