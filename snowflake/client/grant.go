package client

import (
	"regexp"
	"strings"

	"example.com/ingestion/snowflake"
)

const quoted = `"(?:[^"]|"")*"`

var (
	// onRE finds the object in Snowflake's message, such as
	// "Insufficient privileges to operate on schema 'PUBLIC'".
	onRE = regexp.MustCompile(`(?i)operate on ([a-z ]+?) '([^']*)'`)
	// verbRE splits a statement into its verb, the kind of object, and its name.
	verbRE = regexp.MustCompile(`(?i)^\s*(CREATE|ALTER|DROP|DESC|EXECUTE)\s+(?:OR\s+(?:REPLACE|ALTER)\s+)?` +
		`(STORAGE INTEGRATION|FILE FORMAT|EXTERNAL TABLE|STAGE|TABLE|PIPE|TASK|STREAM|VIEW)\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?(` + quoted + `(?:\.` + quoted + `)*)`)
	functionRE = regexp.MustCompile(`(?i)SYSTEM\$(PIPE_STATUS|VALIDATE_STORAGE_INTEGRATION)\('((?:[^']|'')*)'`)
	nameRE     = regexp.MustCompile(quoted)
)

// grantRemedy returns the GRANT that the role needs for a statement that Snowflake
// rejected with the message.
func grantRemedy(statement, message, role string) string {
	return "ask an administrator to run: " + strings.Join(grants(statement, message), "; ") +
		" TO ROLE " + snowflake.Identifier(role)
}

// grants returns GRANT statements without their TO ROLE.
func grants(statement, message string) []string {
	verb, kind, name := "", "", ""
	if found := verbRE.FindStringSubmatch(statement); found != nil {
		verb, kind, name = strings.ToUpper(found[1]), strings.ToUpper(found[2]), found[3]
	}
	on, which := "", ""
	if found := onRE.FindStringSubmatch(message); found != nil {
		on, which = strings.ToUpper(found[1]), snowflake.Identifier(found[2])
	}
	switch {
	case kind == "TASK" && (verb != "CREATE" && on == "" || on == "ACCOUNT" || strings.Contains(message, "EXECUTE")):
		// A serverless task needs both privileges.
		return []string{"GRANT EXECUTE TASK, EXECUTE MANAGED TASK ON ACCOUNT"}
	case kind == "STORAGE INTEGRATION" && verb == "CREATE":
		return []string{"GRANT CREATE INTEGRATION ON ACCOUNT"}
	case on == "INTEGRATION" && kind != "STORAGE INTEGRATION":
		return []string{"GRANT USAGE ON INTEGRATION " + which}
	case on == "DATABASE":
		return []string{"GRANT USAGE ON DATABASE " + which}
	case verb == "CREATE" && (on == "SCHEMA" || on == ""):
		return []string{"GRANT CREATE " + kind + " ON SCHEMA " + parent(name)}
	case on == "SCHEMA":
		return []string{"GRANT USAGE ON SCHEMA " + which}
	case verb == "CREATE" && on != "" && on != kind:
		// An object that the new one refers to: a table of a pipe, a stage of a table.
		return []string{"GRANT OWNERSHIP ON " + on + " " + which}
	case kind != "":
		return []string{"GRANT OWNERSHIP ON " + strings.TrimPrefix(kind, "STORAGE ") + " " + name}
	}
	if found := functionRE.FindStringSubmatch(statement); found != nil {
		if strings.EqualFold(found[1], "PIPE_STATUS") {
			return []string{"GRANT MONITOR ON PIPE " + found[2]}
		}
		return []string{"GRANT USAGE ON INTEGRATION " + snowflake.Identifier(found[2])}
	}
	if on == "" {
		return []string{"GRANT <the privilege in the message>"}
	}
	return []string{"GRANT USAGE ON " + on + " " + which}
}

// parent returns a qualified name without its last part.
func parent(name string) string {
	parts := nameRE.FindAllString(name, -1)
	if len(parts) < 2 {
		return "<schema>"
	}
	return strings.Join(parts[:len(parts)-1], ".")
}
