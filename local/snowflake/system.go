package snowflake

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"example.com/ingestion/local/snowflake/awsaccess"
	"example.com/ingestion/local/snowflake/sqlparser"
)

// system evaluates a SYSTEM$ function, whose arguments are constants.
func (t *translator) system(name string) error {
	inner, err := t.Group()
	if err != nil {
		return err
	}
	var args []string
	for _, part := range inner.Split() {
		text, err := part.Text()
		if err != nil {
			return err
		}
		if err := part.ExpectEnd(); err != nil {
			return err
		}
		args = append(args, text)
	}
	function, known := systemFunctions[name]
	switch {
	case !known:
		return errorf("002140", "42601", "SQL compilation error:\nUnknown function %s: the local Snowflake does not support it.", name)
	case len(args) < function.least || len(args) > function.most:
		return errorf("000938", "22023", "SQL compilation error:\nnot enough or too many arguments for function [%s]", name)
	case t.st.describe:
		t.emit(piece{sql: "NULL::VARCHAR", operand: true})
		return nil
	}
	text, err := function.run(t, args)
	if err != nil {
		return err
	}
	t.emit(piece{sql: literal(text), operand: true})
	return nil
}

type systemFunction struct {
	least, most int
	run         func(t *translator, args []string) (string, error)
}

var systemFunctions map[string]systemFunction

func init() {
	systemFunctions = map[string]systemFunction{
		"SYSTEM$PIPE_STATUS": {1, 1, func(t *translator, args []string) (string, error) {
			o, err := t.named(kindPipe, args[0], "MONITOR", "OPERATE")
			if err != nil {
				return "", err
			}
			return t.st.pipeStatus(t.ctx, o)
		}},
		"SYSTEM$EXTERNAL_TABLE_PIPE_STATUS": {1, 1, func(t *translator, args []string) (string, error) {
			o, err := t.named(kindExternal, args[0])
			if err != nil {
				return "", err
			}
			d := o.detail.(*external)
			text, err := json.Marshal(map[string]any{
				"executionState": "RUNNING", "pendingFileCount": len(d.pending), "notificationChannelName": d.channel,
			})
			return string(text), err
		}},
		"SYSTEM$PIPE_FORCE_RESUME": {1, 2, func(t *translator, args []string) (string, error) {
			o, err := t.named(kindPipe, args[0], "OPERATE")
			if err != nil {
				return "", err
			}
			d := o.detail.(*pipe)
			if d.stale() && (len(args) < 2 || !strings.Contains(strings.ToUpper(args[1]), "STALENESS_CHECK_OVERRIDE")) {
				return "", errInvalid("Pipe %s is stale: STALENESS_CHECK_OVERRIDE is required.", o.label())
			}
			d.paused = false
			t.st.ingest(t.ctx, o)
			return "Pipe resumed.", nil
		}},
		"SYSTEM$STREAM_HAS_DATA": {1, 1, func(t *translator, args []string) (string, error) {
			o, err := t.named(kindStream, args[0], "SELECT")
			if err != nil {
				return "", err
			}
			n, err := t.st.count(t.ctx, "SELECT count(*) FROM "+o.sql())
			return boolean(n > 0), err
		}},
		"SYSTEM$GET_AWS_SNS_IAM_POLICY": {1, 1, func(_ *translator, args []string) (string, error) {
			return awsaccess.SNSPolicy(args[0]), nil
		}},
		"SYSTEM$VALIDATE_STORAGE_INTEGRATION": {4, 4, validateIntegration},
	}
}

// named returns the object whose name is in a string.
func (t *translator) named(kind, text string, privileges ...string) (*object, error) {
	p, err := sqlparser.New(text)
	if err != nil {
		return nil, err
	}
	parts, err := p.Name()
	if err != nil {
		return nil, err
	}
	if err := p.ExpectEnd(); err != nil {
		return nil, err
	}
	return t.st.find(kind, parts, privileges...)
}

// validateIntegration returns a JSON document with the status of action list or read and
// the overall status. Action read fails if the file does not exist.
// https://docs.snowflake.com/en/sql-reference/functions/system_validate_storage_integration
func validateIntegration(t *translator, args []string) (string, error) {
	name, url, file, action := args[0], args[1], args[2], args[3]
	if action != "list" && action != "read" {
		return "", errUnsupported("SYSTEM$VALIDATE_STORAGE_INTEGRATION with action " + action)
	}
	o, err := t.st.find(kindIntegration, []string{name}, "USAGE") // the name is case-sensitive
	if err != nil {
		return "", err
	}
	document := map[string]any{"status": "success", "actions": map[string]any{strings.ToUpper(action): map[string]string{"status": "success"}}}
	if action == "list" {
		err = t.st.storage.Check(t.ctx, o.detail.(*integration).Integration, url)
	} else {
		err = t.st.readFile(t.ctx, o, url+file)
	}
	if err != nil {
		if t.ctx.Err() != nil {
			return "", err
		}
		document["status"] = "failure"
		document["actions"] = map[string]any{strings.ToUpper(action): map[string]string{"status": "failure", "message": err.Error()}}
		document["message"] = err.Error()
	}
	text, err := json.Marshal(document)
	return string(text), err
}

// readFile reads a file with the role of an integration.
func (e *engine) readFile(ctx context.Context, o *object, url string) error {
	location, err := awsaccess.ParseLocation(url)
	if err != nil {
		return err
	}
	reader, err := e.storage.Open(ctx, o.detail.(*integration).Integration)
	if err != nil {
		return err
	}
	_, body, err := reader.Fetch(ctx, location.Bucket, location.Prefix)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, body)
	return errors.Join(err, body.Close())
}
