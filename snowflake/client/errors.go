package client

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/snowflakedb/gosnowflake/v2"

	"example.com/ingestion/snowflake"
)

// Classes of errors, for errors.Is.
var (
	// ErrLogin is a login that Snowflake refused, or that did not reach it.
	ErrLogin = errors.New("login failed")
	// ErrPrivilege is a privilege that the role lacks.
	ErrPrivilege = errors.New("missing privilege")
	// ErrNotFound is an object that does not exist, or that the role may not see:
	// Snowflake does not say which.
	ErrNotFound = errors.New("does not exist or not authorized")
	// ErrSyntax is a statement that Snowflake does not understand.
	ErrSyntax = errors.New("statement not understood")
)

// Error is a failed statement or login, with the way out.
type Error struct {
	// Class is one of the classes above, or nil.
	Class error
	// Statement is the statement that failed, shortened; empty for a login.
	Statement string
	// Hint is what to do about it; empty if Snowflake's own message has to do.
	Hint string
	// Err is what the driver returned.
	Err error
}

// Error names the statement, then what Snowflake said, then the way out.
func (e *Error) Error() string {
	text := strings.Join(strings.Fields(e.Err.Error()), " ")
	if e.Statement != "" {
		text = e.Statement + ": " + text
	}
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// Unwrap returns the class and the driver's error.
func (e *Error) Unwrap() []error {
	if e.Class == nil {
		return []error{e.Err}
	}
	return []error{e.Class, e.Err}
}

// The numbers of Snowflake's errors that say which class one is of. The driver
// has no names for them; they are in Snowflake's messages.
const (
	numberPrivilege    = 3001
	numberSyntax       = 1003
	numberNotFound     = 2003
	numberNotFoundDDL  = 2043
	numberWarehouse    = 606
	numberRole         = 390189
	numberNetwork      = 390422
	numberWrongAccount = gosnowflake.ErrCodeFailedToConnect
	numberLoginHTTP    = gosnowflake.ErrFailedToAuth
)

func (c *Client) statementError(ctx context.Context, err error, statement string) error {
	if cause := context.Cause(ctx); cause != nil {
		err = errors.Join(cause, err)
	}
	wrapped := &Error{Statement: Shorten(statement), Err: err}
	var told *gosnowflake.SnowflakeError
	if !errors.As(err, &told) {
		return wrapped
	}
	switch text := told.Error(); {
	case told.Number == numberPrivilege || strings.Contains(text, "privilege must be granted"):
		wrapped.Class, wrapped.Hint = ErrPrivilege, grantHint(statement, text, c.role)
	case told.Number == numberNotFound || told.Number == numberNotFoundDDL || strings.Contains(text, "does not exist or not authorized"):
		wrapped.Class, wrapped.Hint = ErrNotFound, missingHint(text, c.role)
	case told.Number == numberWarehouse:
		wrapped.Hint = "what a task has done is looked up with a warehouse: set Warehouse of the connection, and GRANT USAGE ON WAREHOUSE <name> TO ROLE " + snowflake.Identifier(c.role)
	case told.Number == numberSyntax:
		wrapped.Class, wrapped.Hint = ErrSyntax, "a name or option in the feed's Snowflake properties is likely the reason; if not, it is a defect of this project"
	}
	return wrapped
}

var missingRE = regexp.MustCompile(`(?i)(database|schema|integration|stage|file format|table|pipe|task|view|object|warehouse) '([^']+)' does not exist`)

// missingHint says how to make, or to show to the role, what a statement needs.
func missingHint(message, role string) string {
	found := missingRE.FindStringSubmatch(message)
	to := " TO ROLE " + snowflake.Identifier(role)
	if found == nil {
		return "make what is missing, or let the role see it: GRANT USAGE ON DATABASE …" + to + " and GRANT USAGE ON SCHEMA …" + to
	}
	kind, name := strings.ToUpper(found[1]), found[2]
	switch kind {
	case "DATABASE", "SCHEMA":
		return fmt.Sprintf("make it: CREATE %s %s; or, if it is there, let the role use it: GRANT USAGE ON %s %s%s", kind, name, kind, name, to)
	case "INTEGRATION", "WAREHOUSE":
		return fmt.Sprintf("check its name; if it is there, let the role use it: GRANT USAGE ON %s %s%s", kind, name, to)
	default:
		return fmt.Sprintf("check the name; if it is there, it belongs to another role: GRANT OWNERSHIP ON %s %s%s COPY CURRENT GRANTS", kind, name, to)
	}
}

// loginError says which of account, user, role and key to check, and how.
func loginError(err error, c snowflake.Connection, key *rsa.PrivateKey, host string) error {
	wrapped := &Error{Class: ErrLogin, Err: fmt.Errorf("log in to Snowflake account %q as user %q, role %q: %w", c.Account, c.User, c.Role, err)}
	var told *gosnowflake.SnowflakeError
	number := 0
	if errors.As(err, &told) {
		number = told.Number
	}
	user := snowflake.Identifier(c.User)
	switch {
	case number == numberRole:
		wrapped.Hint = fmt.Sprintf("let the user have the role: GRANT ROLE %s TO USER %s", snowflake.Identifier(c.Role), user)
	case number == numberNetwork:
		wrapped.Hint = "a network policy of the account keeps this address out: allow it, or deploy the function into a VPC whose address is allowed"
	case number == numberWrongAccount || number == numberLoginHTTP:
		wrapped.Hint = accountHint
	case number/1000 != 390 && number/1000 != 394:
		if host == "" {
			host = c.Account + ".snowflakecomputing.com"
		}
		wrapped.Hint = "check that " + host + " can be reached from here, on port 443; " + accountHint
	case c.WorkloadIdentity:
		wrapped.Hint = fmt.Sprintf("the user must be made for the function's role: CREATE USER %s TYPE=SERVICE WORKLOAD_IDENTITY=(TYPE=AWS ARN='<ARN of the function's role>')", user)
	default:
		wrapped.Hint = keyHint(user, key)
	}
	return wrapped
}

const accountHint = "check the account identifier: SELECT CURRENT_ORGANIZATION_NAME() || '-' || CURRENT_ACCOUNT_NAME()"

func keyHint(user string, key *rsa.PrivateKey) string {
	hint := fmt.Sprintf("check the user's name and key: in DESC USER %s, RSA_PUBLIC_KEY_FP or RSA_PUBLIC_KEY_2_FP", user)
	if fingerprint, err := Fingerprint(&key.PublicKey); err == nil {
		hint += " must be that of the secret's key, " + fingerprint
	}
	return hint + fmt.Sprintf("; if it is another one: ALTER USER %s SET RSA_PUBLIC_KEY='<openssl pkey -in key.p8 -pubout, without its first and last line>'; ", user) + accountHint
}

// Shorten puts a statement on one line of at most 100 characters, for messages.
func Shorten(statement string) string {
	const limit = 100
	line := []rune(strings.Join(strings.Fields(statement), " "))
	if len(line) > limit {
		return string(line[:limit-1]) + "…"
	}
	return string(line)
}
