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
	// ErrLogin means that Snowflake rejected the login or was not reached.
	ErrLogin = errors.New("login failed")
	// ErrPrivilege means that the role lacks a privilege.
	ErrPrivilege = errors.New("missing privilege")
	// ErrNotFound means that an object does not exist or that the role is not
	// authorized to see it: Snowflake does not distinguish the two.
	ErrNotFound = errors.New("does not exist or not authorized")
	// ErrSyntax means that Snowflake cannot parse the statement.
	ErrSyntax = errors.New("syntax error")
)

// Error is the error of a statement or login, with a remedy.
type Error struct {
	// Class is one of the classes above, or nil.
	Class error
	// Statement is the statement that failed, shortened; empty for a login.
	Statement string
	// Remedy says how to fix it, with the statements to run; it may be empty.
	Remedy string
	// Err is the driver's error.
	Err error
}

// Error returns the statement, Snowflake's message and the remedy.
func (e *Error) Error() string {
	text := strings.Join(strings.Fields(e.Err.Error()), " ")
	if e.Statement != "" {
		text = e.Statement + ": " + text
	}
	if e.Remedy != "" {
		text += "; " + e.Remedy
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

// Numbers of Snowflake's errors. The driver defines no constants for most of them.
const (
	numberPrivilege    = 3001
	numberSyntax       = 1003
	numberNotFound     = 2003
	numberNotFoundDDL  = 2043
	numberWarehouse    = 606
	numberRole         = 390189
	numberNetwork      = 390422
	numberObject       = 390201
	numberWrongAccount = gosnowflake.ErrCodeFailedToConnect
	numberLoginHTTP    = gosnowflake.ErrFailedToAuth
)

func (c *Client) statementError(ctx context.Context, err error, statement string) error {
	if cause := context.Cause(ctx); cause != nil {
		err = errors.Join(cause, err)
	}
	wrapped := &Error{Statement: Shorten(statement), Err: err}
	var reported *gosnowflake.SnowflakeError
	if !errors.As(err, &reported) {
		return wrapped
	}
	switch text := reported.Error(); {
	case reported.Number == numberPrivilege || strings.Contains(text, "privilege must be granted"):
		wrapped.Class, wrapped.Remedy = ErrPrivilege, grantRemedy(statement, text, c.role)
	case reported.Number == numberNotFound || reported.Number == numberNotFoundDDL || strings.Contains(text, "does not exist or not authorized"):
		wrapped.Class, wrapped.Remedy = ErrNotFound, notFoundRemedy(text, c.role)
	case reported.Number == numberWarehouse:
		wrapped.Remedy = "queries, also of the history of a task, need a warehouse: set Warehouse of the connection, and run GRANT USAGE ON WAREHOUSE <name> TO ROLE " + snowflake.Identifier(c.role)
	case reported.Number == numberSyntax:
		wrapped.Class, wrapped.Remedy = ErrSyntax, "check the names and options in the feed's Snowflake properties; if they are correct, this is a defect of this project"
	}
	return wrapped
}

var missingRE = regexp.MustCompile(`(?i)(database|schema|integration|stage|file format|table|pipe|task|view|object|warehouse) '([^']+)' does not exist`)

// notFoundRemedy returns how to create the missing object, or to authorize the role.
func notFoundRemedy(message, role string) string {
	found := missingRE.FindStringSubmatch(message)
	to := " TO ROLE " + snowflake.Identifier(role)
	if found == nil {
		return "create the missing object, or authorize the role: GRANT USAGE ON DATABASE …" + to + " and GRANT USAGE ON SCHEMA …" + to
	}
	kind, name := strings.ToUpper(found[1]), found[2]
	switch kind {
	case "DATABASE", "SCHEMA":
		return fmt.Sprintf("create it: CREATE %s %s; or, if it exists, authorize the role: GRANT USAGE ON %s %s%s", kind, name, kind, name, to)
	case "INTEGRATION", "WAREHOUSE":
		return fmt.Sprintf("check its name; if it exists, authorize the role: GRANT USAGE ON %s %s%s", kind, name, to)
	default:
		return fmt.Sprintf("check the name; if it exists, another role owns it: GRANT OWNERSHIP ON %s %s%s COPY CURRENT GRANTS", kind, name, to)
	}
}

// loginError adds to the error of a login which of account, user, role and key to
// check, and how.
func loginError(err error, c snowflake.Connection, key *rsa.PrivateKey, host string) error {
	wrapped := &Error{Class: ErrLogin, Err: fmt.Errorf("log in to Snowflake account %q as user %q, role %q: %w", c.Account, c.User, c.Role, err)}
	var reported *gosnowflake.SnowflakeError
	number := 0
	if errors.As(err, &reported) {
		number = reported.Number
	}
	user := snowflake.Identifier(c.User)
	switch {
	case number == numberRole:
		wrapped.Remedy = fmt.Sprintf("grant the role to the user: GRANT ROLE %s TO USER %s", snowflake.Identifier(c.Role), user)
	case number == numberObject:
		// The user's key and name are right. The driver passes no warehouse, database or
		// schema, so that the missing one is the user's default.
		wrapped.Remedy = fmt.Sprintf("a default of the user does not exist or is not granted to the role: ALTER USER %s UNSET DEFAULT_WAREHOUSE, DEFAULT_NAMESPACE", user)
	case number == numberNetwork:
		wrapped.Remedy = "a network policy of the account blocks this address: allow it, or deploy the function into a VPC whose address is allowed"
	case number == numberWrongAccount || number == numberLoginHTTP:
		wrapped.Remedy = accountRemedy
	case number/1000 != 390 && number/1000 != 394:
		if host == "" {
			host = c.Account + ".snowflakecomputing.com"
		}
		wrapped.Remedy = "check that " + host + " can be reached from here, on port 443; " + accountRemedy
	case c.WorkloadIdentity:
		wrapped.Remedy = fmt.Sprintf("the user must be created with the function's role: CREATE USER %s TYPE=SERVICE WORKLOAD_IDENTITY=(TYPE=AWS ARN='<ARN of the function's role>')", user)
	default:
		wrapped.Remedy = keyRemedy(user, key)
	}
	return wrapped
}

const accountRemedy = "check the account identifier: SELECT CURRENT_ORGANIZATION_NAME() || '-' || CURRENT_ACCOUNT_NAME()"

func keyRemedy(user string, key *rsa.PrivateKey) string {
	remedy := fmt.Sprintf("check the user's name and key: in DESC USER %s, RSA_PUBLIC_KEY_FP or RSA_PUBLIC_KEY_2_FP", user)
	if fingerprint, err := Fingerprint(&key.PublicKey); err == nil {
		remedy += " must be that of the secret's key, " + fingerprint
	}
	return remedy + fmt.Sprintf("; if it differs: ALTER USER %s SET RSA_PUBLIC_KEY='<openssl pkey -in key.p8 -pubout, without its first and last line>'; ", user) + accountRemedy
}

// Shorten returns a statement on one line of at most 100 characters, for messages.
func Shorten(statement string) string {
	const limit = 100
	line := []rune(strings.Join(strings.Fields(statement), " "))
	if len(line) > limit {
		return string(line[:limit-1]) + "…"
	}
	return string(line)
}
