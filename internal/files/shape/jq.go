package shape

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/itchyny/gojq"
)

// maxProgramSteps is how many instructions of gojq a program may take for one record. They
// are counted, and time is not measured, so that each try has the same result.
const maxProgramSteps = 50_000_000

// errEnded means that the context ended, so that the record was not shaped.
var errEnded = errors.New("shape: interrupted")

// notRepeatable are the functions of gojq whose result depends on more than their input.
var notRepeatable = []string{
	"now", "localtime", "strflocaltime", "env", "$ENV", "input", "inputs", "input_filename", "input_line_number",
	"debug", "stderr", "halt", "halt_error",
}

// jq returns an operation that replaces the record by the result of a program.
func jq(program string) (func(context.Context, *Shaper, *step) (bool, error), error) {
	query, err := gojq.Parse(program)
	if err != nil {
		return nil, fmt.Errorf("program %q: %w", program, err)
	}
	if name := findCall(reflect.ValueOf(query)); name != "" {
		return nil, fmt.Errorf("program %q: %s is not allowed: repeated work must have the same result", program, name)
	}
	code, err := gojq.Compile(query)
	if err != nil {
		return nil, fmt.Errorf("program %q: %w", program, err)
	}
	return func(ctx context.Context, s *Shaper, _ *step) (bool, error) {
		result, ok, err := runProgram(ctx, code, s.root.append(nil))
		if err != nil && ctx.Err() != nil {
			return false, fmt.Errorf("%w: %w", errEnded, context.Cause(ctx))
		}
		if err != nil || !ok {
			return false, err
		}
		text, err := gojq.Marshal(result)
		if err != nil {
			return false, fmt.Errorf("encode the result: %w", err)
		}
		// gojq replaces what JSON does not have, such as NaN, but nothing checks it.
		if text, err = s.checker.Compact(text); err != nil {
			return false, fmt.Errorf("the result is not valid: %w", err)
		}
		if err := s.load(s.retain(func(dst []byte) []byte { return append(dst, text...) })); err != nil {
			return false, fmt.Errorf("the result is no object: %s", cut(text))
		}
		return true, nil
	}, nil
}

// runProgram returns the only result of a program, and false if it has none.
func runProgram(ctx context.Context, code *gojq.Code, data []byte) (any, bool, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var in any
	if err := decoder.Decode(&in); err != nil {
		return nil, false, fmt.Errorf("decode: %w", err)
	}
	limited := &stepLimit{Context: ctx}
	results := code.RunWithContext(limited, in)
	result, ok := results.Next()
	if !ok {
		return nil, false, nil
	}
	if err, failed := result.(error); failed {
		return nil, false, err
	}
	second, more := results.Next()
	if err, failed := second.(error); failed {
		return nil, false, err
	}
	if more {
		return nil, false, errors.New("the program has more than one result: a record cannot become several")
	}
	return result, true, nil
}

// stepLimit is a context that ends after maxProgramSteps: gojq asks before each
// instruction whether its context has ended.
type stepLimit struct {
	context.Context
	steps int
}

var ended = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// Done implements context.Context.
func (l *stepLimit) Done() <-chan struct{} {
	if l.steps++; l.steps > maxProgramSteps {
		return ended
	}
	if l.steps%1024 == 0 {
		return l.Context.Done()
	}
	return nil
}

// Err implements context.Context.
func (l *stepLimit) Err() error {
	if l.steps > maxProgramSteps {
		return fmt.Errorf("the program takes more than %d steps for this record", maxProgramSteps)
	}
	return l.Context.Err()
}

// findCall returns the name of a function in notRepeatable that a parsed program calls.
func findCall(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return ""
		}
		if f, ok := v.Interface().(*gojq.Func); ok && slices.Contains(notRepeatable, f.Name) {
			return f.Name
		}
		return findCall(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if name := findCall(v.Field(i)); name != "" {
				return name
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if name := findCall(v.Index(i)); name != "" {
				return name
			}
		}
	}
	return ""
}
