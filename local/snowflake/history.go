package snowflake

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/ingestion/local/snowflake/sqlparser"
)

// tableFunction translates TABLE(INFORMATION_SCHEMA.…(NAME=>value, …)).
func (t *translator) tableFunction() error {
	inner, err := t.Group()
	if err != nil {
		return err
	}
	parts, err := inner.Name()
	if err != nil {
		return err
	}
	n := len(parts)
	build := map[string]func(args map[string]string) (*inlined, error){
		"COPY_HISTORY": t.copyHistory, "TASK_HISTORY": t.taskHistory,
	}[parts[n-1]]
	if n < 2 || parts[n-2] != informationSchema || build == nil {
		return errUnsupported("table function " + strings.Join(parts, "."))
	}
	database := t.st.session.database
	if n == 3 {
		database = parts[0]
	}
	if _, err := t.st.databaseOf(t.st.session, database); err != nil {
		return err
	}
	list, err := inner.Group()
	if err != nil {
		return err
	}
	if err := inner.ExpectEnd(); err != nil {
		return err
	}
	args := map[string]string{"": database}
	for _, one := range list.Split() {
		name := one.Next().Value
		if err := one.Expect("=>"); err != nil {
			return err
		}
		if args[name], err = t.argument(one); err != nil {
			return err
		}
	}
	table, err := build(args)
	if err != nil {
		return err
	}
	t.emitInlined(table, parts[n-1])
	return nil
}

// argument evaluates an expression without tables.
func (t *translator) argument(p *sqlparser.Parser) (string, error) {
	expression, err := t.part(p.Tokens[p.Pos:]).sql()
	if err != nil {
		return "", err
	}
	var text string
	row := t.st.session.conn.QueryRowContext(t.ctx, "SELECT sf_varchar("+expression+")")
	if err := row.Scan(&text); err != nil {
		return "", fmt.Errorf("%w\nin: %s", err, expression)
	}
	return text, nil
}

// timeArgument parses the result of argument for a time.
func timeArgument(args map[string]string, name string, byDefault time.Time) (time.Time, error) {
	text := args[name]
	if text == "" {
		return byDefault, nil
	}
	for _, layout := range []string{"2006-01-02 15:04:05.999999999 Z", "2006-01-02 15:04:05.999999999", time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return byDefault, errInvalid("invalid value [%s] for parameter '%s'", text, name)
}

func allowedArguments(args map[string]string, names ...string) error {
	for name := range args {
		if name != "" && !slices.Contains(names, name) {
			return errInvalid("unknown parameter '%s'", name)
		}
	}
	return nil
}

// copyHistory implements INFORMATION_SCHEMA.COPY_HISTORY: the loads of one table, without
// those of a pipe that was replaced.
// https://docs.snowflake.com/en/user-guide/data-load-snowpipe-manage
func (t *translator) copyHistory(args map[string]string) (*inlined, error) {
	if err := allowedArguments(args, "TABLE_NAME", "START_TIME", "END_TIME"); err != nil {
		return nil, err
	}
	if args["TABLE_NAME"] == "" || args["START_TIME"] == "" {
		return nil, errInvalid("COPY_HISTORY needs TABLE_NAME and START_TIME.")
	}
	table, err := t.inDatabase(args[""], args["TABLE_NAME"])
	if err != nil {
		return nil, err
	}
	from, err := timeArgument(args, "START_TIME", time.Time{})
	if err != nil {
		return nil, err
	}
	to, err := timeArgument(args, "END_TIME", time.Now().Add(time.Minute))
	if err != nil {
		return nil, err
	}
	i := &inlined{}
	for _, n := range []string{"FILE_NAME", "STAGE_LOCATION"} {
		i.column(n, "VARCHAR")
	}
	i.column("LAST_LOAD_TIME", "TIMESTAMPTZ")
	for _, n := range []string{"ROW_COUNT", "ROW_PARSED", "FILE_SIZE"} {
		i.column(n, "BIGINT")
	}
	i.column("FIRST_ERROR_MESSAGE", "VARCHAR")
	for _, n := range []string{"FIRST_ERROR_LINE_NUMBER", "ERROR_COUNT", "ERROR_LIMIT"} {
		i.column(n, "BIGINT")
	}
	for _, n := range []string{"STATUS", "TABLE_CATALOG_NAME", "TABLE_SCHEMA_NAME", "TABLE_NAME", "PIPE_CATALOG_NAME", "PIPE_SCHEMA_NAME", "PIPE_NAME"} {
		i.column(n, "VARCHAR")
	}
	i.column("PIPE_RECEIVED_TIME", "TIMESTAMPTZ")
	for _, f := range t.st.copyLog {
		if f.pipe != nil && t.st.catalog.objects[f.pipe.key()] != f.pipe {
			continue // of a pipe that was dropped or replaced
		}
		if f.table != table || f.loaded.Before(from) || f.loaded.After(to) {
			continue
		}
		message, line, errors, pipe, received := "NULL", "NULL", "0", []string{"NULL", "NULL", "NULL"}, "NULL"
		if f.err != nil {
			message, line, errors = textCell(f.message()), strconv.FormatInt(f.line, 10), "1"
		}
		if f.pipe != nil {
			pipe = []string{literal(f.pipe.database), literal(f.pipe.schema), literal(f.pipe.name)}
			received = timeCell(f.received)
		}
		i.rows = append(i.rows, append(append([]string{
			literal(strings.TrimPrefix(f.url, f.stage)), literal(f.stage), timeCell(f.loaded), intCell(f.rows), intCell(f.parsed), intCell(f.size),
			message, line, errors, "1", literal(f.status), literal(table.database), literal(table.schema), literal(table.name),
		}, pipe...), received))
	}
	return i, nil
}

// inDatabase finds a table by a name that may omit the database and schema.
func (t *translator) inDatabase(database, text string) (*object, error) {
	p, err := sqlparser.New(text)
	if err != nil {
		return nil, err
	}
	parts, err := p.Name()
	if err != nil {
		return nil, err
	}
	switch {
	case len(parts) == 2:
		parts = append([]string{database}, parts...)
	case len(parts) == 1 && database != t.st.session.database:
		parts = []string{database, defaultSchema, parts[0]}
	}
	return t.st.find(kindTable, parts)
}

// taskHistory implements INFORMATION_SCHEMA.TASK_HISTORY, the latest run first.
func (t *translator) taskHistory(args map[string]string) (*inlined, error) {
	if err := allowedArguments(args, "TASK_NAME", "RESULT_LIMIT", "SCHEDULED_TIME_RANGE_START", "SCHEDULED_TIME_RANGE_END", "ERROR_ONLY"); err != nil {
		return nil, err
	}
	from, err := timeArgument(args, "SCHEDULED_TIME_RANGE_START", time.Time{})
	if err != nil {
		return nil, err
	}
	to, err := timeArgument(args, "SCHEDULED_TIME_RANGE_END", time.Now().AddDate(1, 0, 0))
	if err != nil {
		return nil, err
	}
	limit := 100
	if text := args["RESULT_LIMIT"]; text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 {
			return nil, errInvalid("invalid value [%s] for parameter 'RESULT_LIMIT'", text)
		}
	}
	i := &inlined{}
	for _, n := range []string{"QUERY_ID", "NAME", "DATABASE_NAME", "SCHEMA_NAME", "QUERY_TEXT", "STATE", "ERROR_CODE", "ERROR_MESSAGE", "SCHEDULED_FROM"} {
		i.column(n, "VARCHAR")
	}
	for _, n := range []string{"SCHEDULED_TIME", "QUERY_START_TIME", "COMPLETED_TIME"} {
		i.column(n, "TIMESTAMPTZ")
	}
	runs := t.st.taskLog
	for n := len(runs) - 1; n >= 0 && len(i.rows) < limit; n-- {
		run := runs[n]
		name := args["TASK_NAME"]
		if run.of.database != args[""] || name != "" && !strings.EqualFold(run.of.name, name) ||
			run.scheduled.Before(from) || run.scheduled.After(to) || args["ERROR_ONLY"] == "true" && run.err == nil {
			continue
		}
		code, message := "NULL", "NULL"
		if run.err != nil {
			e := asSQLError(run.err)
			code, message = literal(e.code), literal(e.message)
		}
		i.rows = append(i.rows, []string{
			literal(run.query), literal(run.of.name), literal(run.of.database), literal(run.of.schema), literal(run.text),
			literal(run.state), code, message, literal(run.from), timeCell(run.scheduled), timeCell(run.begun), timeCell(run.at),
		})
	}
	return i, nil
}
