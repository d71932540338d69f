package awsaccess

import "fmt"

// Error is an error that Snowflake reports to the user.
type Error struct {
	// Number and State are Snowflake's number and SQLSTATE, such as 3167 and 42601.
	Number int
	State  string
	// Message is Snowflake's message; clients search it for known texts.
	Message string
	// Reason has details for the log that Snowflake does not report. It may be empty.
	Reason string
}

// Error returns the message and the reason.
func (e *Error) Error() string {
	if e.Reason == "" {
		return e.Message
	}
	return e.Message + " (" + e.Reason + ")"
}

func assumeError(role, reason string) error {
	return &Error{
		Number: 3167, State: "42601", Reason: reason,
		Message: fmt.Sprintf("Error assuming AWS_ROLE:\nUser: %s is not authorized to perform: sts:AssumeRole on resource: %s", IAMUserARN, role),
	}
}

func stageError(status int, code, cause string) error {
	return &Error{
		Number: 91003, State: "55000",
		Message: fmt.Sprintf("Failure using stage area. Cause: [%s (Status Code: %d; Error Code: %s)]", cause, status, code),
	}
}

func missingError(url string) error {
	return &Error{
		Number: 91016, State: "22000",
		Message: fmt.Sprintf("Remote file '%s' was not found. There are several potential causes. The file might not exist. "+
			"The required credentials may be missing or invalid. If you are running a copy command, please make sure files are not deleted when they are being loaded.", url),
	}
}

// invalid returns an error for a rule of Snowflake whose number is not documented:
// 1008 is its general number for invalid values.
func invalid(format string, args ...any) error {
	return &Error{Number: 1008, State: "22023", Message: fmt.Sprintf(format, args...)}
}

func disabledError(i Integration) error {
	return invalid("SQL execution error:\nIntegration '%s' is not enabled.", i.Name)
}
