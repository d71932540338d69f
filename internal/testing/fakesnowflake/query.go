package fakesnowflake

import (
	"context"
	"fmt"
	"strings"
	"time"

	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// ARNs of the account in AWS.
const (
	IAMUserARN    = "arn:aws:iam::999999999999:user/snow-i"
	SubscriberARN = "arn:aws:iam::999999999999:user/snow-n"
	QueueARN      = "arn:aws:sqs:us-east-1:999999999999:snow-q"
)

// Query runs a statement that only reads.
func (a *Account) Query(ctx context.Context, statement string) ([]client.Row, error) {
	if err := a.fail(ctx, statement); err != nil {
		return nil, err
	}
	line := strings.Join(strings.Fields(statement), " ")
	if m := showRE.FindStringSubmatch(line); m != nil {
		return a.show(m[1], m[2], m[3]), nil
	}
	if m := forceRE.FindStringSubmatch(line); m != nil {
		o := a.Object(snowflake.KindPipe, m[1])
		if o == nil {
			return nil, missing("PIPE", m[1])
		}
		o.State, o.Stale = "RUNNING", false
		return []client.Row{{"r": "Pipe resumed."}}, nil
	}
	if m := grantsRE.FindStringSubmatch(line); m != nil {
		return a.grants(m[1])
	}
	if m := showOnRE.FindStringSubmatch(line); m != nil {
		var rows []client.Row
		for _, g := range a.ReadGrants {
			privilege, rest, _ := strings.Cut(g, " ON ")
			if role, on := strings.CutPrefix(rest, m[1]+" "); on {
				rows = append(rows, client.Row{"privilege": privilege, "granted_to": "ROLE", "grantee_name": role})
			}
		}
		return rows, nil
	}
	if m := describe.FindStringSubmatch(line); m != nil {
		return a.describe(m[1], m[2])
	}
	if m := statusRE.FindStringSubmatch(line); m != nil {
		return a.status(m[1])
	}
	switch {
	case strings.HasPrefix(line, "LIST '@"):
		var rows []client.Row
		for _, url := range a.Files {
			rows = append(rows, client.Row{"name": url})
		}
		return rows, nil
	case strings.HasSuffix(line, ",'read')") && a.Read != nil:
		return []client.Row{{"v": a.Read()}}, nil
	case strings.Contains(line, "SYSTEM$VALIDATE_STORAGE_INTEGRATION"):
		result := `{"status":"success","actions":{"LIST":{"status":"success"}}}`
		if a.Validation != nil {
			result = a.Validation()
		}
		return []client.Row{{"v": result}}, nil
	case strings.Contains(line, "SYSTEM$GET_AWS_SNS_IAM_POLICY"):
		return []client.Row{{"p": fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":%q},"Action":["sns:Subscribe"]}]}`, SubscriberARN)}}, nil
	case strings.Contains(line, "TASK_HISTORY"):
		// Snowflake lists the next run before it starts.
		return append([]client.Row{{"query_id": nil, "state": "SCHEDULED"}}, a.runs...), nil
	}
	return nil, fmt.Errorf("the fake account does not support %s", line)
}

// First runs Query and returns its first row.
func (a *Account) First(ctx context.Context, statement string) (client.Row, error) {
	rows, err := a.Query(ctx, statement)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

func (a *Account) grants(pipe string) ([]client.Row, error) {
	o := a.Object(snowflake.KindPipe, pipe)
	if o == nil {
		return nil, missing("PIPE", pipe)
	}
	rows := []client.Row{{"privilege": "OWNERSHIP", "granted_to": "ROLE", "grantee_name": "LOADER"}}
	for _, grant := range o.Grants {
		privilege, role, _ := strings.Cut(grant, " ")
		rows = append(rows, client.Row{"privilege": privilege, "granted_to": "ROLE", "grantee_name": role})
	}
	return rows, nil
}

// show matches names as LIKE does: case-insensitively, and _ matches any character.
func (a *Account) show(kind, pattern, schema string) []client.Row {
	var rows []client.Row
	for _, o := range a.objects {
		last := unquote(lastRE.FindString(o.Name))
		table := kind == string(snowflake.KindTable) && o.Kind == string(snowflake.KindExternalTable)
		if o.Kind != kind && !table || o.Name != schema+"."+lastRE.FindString(o.Name) || !like(last, strings.ReplaceAll(pattern, "''", "'")) {
			continue
		}
		row := client.Row{"name": last, "comment": o.Comment, "url": o.URL, "type": o.Type, "state": o.State, "text": o.Text, "notification_channel": QueueARN, "is_external": "N"}
		if table {
			row["is_external"] = "Y"
		}
		rows = append(rows, row)
	}
	return rows
}

func like(s, pattern string) bool {
	text, want := []rune(strings.ToUpper(s)), []rune(strings.ToUpper(pattern))
	if len(text) != len(want) {
		return false
	}
	for i := range text {
		if want[i] != '_' && want[i] != text[i] {
			return false
		}
	}
	return true
}

func unquote(name string) string {
	return strings.ReplaceAll(strings.Trim(name, `"`), `""`, `"`)
}

func (a *Account) describe(kind, name string) ([]client.Row, error) {
	o := a.Object(snowflake.Kind(kind), name)
	if o == nil {
		return nil, missing(kind, name)
	}
	if kind == string(snowflake.KindTable) {
		var rows []client.Row
		for _, c := range o.Columns {
			rows = append(rows, client.Row{"name": unquote(c)})
		}
		return rows, nil
	}
	rows := []client.Row{
		{"property": "STORAGE_AWS_IAM_USER_ARN", "property_value": IAMUserARN},
		{"property": "COMMENT", "property_value": o.Comment},
	}
	for _, m := range optionRE.FindAllStringSubmatch(o.Text, -1) {
		rows = append(rows, client.Row{"property": m[1], "property_value": m[2]})
	}
	return rows, nil
}

func (a *Account) status(pipe string) ([]client.Row, error) {
	o := a.Object(snowflake.KindPipe, pipe)
	if o == nil {
		return nil, missing("PIPE", pipe)
	}
	if a.Status != nil {
		return []client.Row{{"s": a.Status()}}, nil
	}
	pending, oldest := a.Pending, ""
	if pending == 0 && a.Arriving != nil {
		pending, oldest = 1, fmt.Sprintf(`,"oldestFileTimestamp":%q`, a.Arriving().UTC().Format(time.RFC3339Nano))
	}
	if o.State == "RUNNING" {
		a.Pending = max(0, a.Pending-1)
	}
	return []client.Row{{"s": fmt.Sprintf(`{"executionState":%q,"pendingFileCount":%d,"pendingHistoryRefreshJobsCount":"0"%s}`, o.State, pending, oldest)}}, nil
}
