package snowflake

import (
	"fmt"
	"strconv"
	"strings"
)

// cronField is one of the five fields of a schedule.
type cronField struct {
	name      string
	low, high int
	names     []string // of low, low+1 …
	last      bool     // takes L: the last day; 5L: the last Friday
}

var (
	months     = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	days       = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
	cronFields = []cronField{
		{name: "minute", high: 59},
		{name: "hour", high: 23},
		{name: "day of month", low: 1, high: 31, last: true},
		{name: "month", low: 1, high: 12, names: months},
		{name: "day of week", high: 6, names: days, last: true},
	}
)

// checkCron says what is wrong with a schedule, by the rules of Snowflake's
// documentation, "CREATE TASK". They are not quite those of other programs: 7
// is no day of the week, and there are no names such as @daily.
func checkCron(schedule string) error {
	fields := strings.Fields(schedule)
	if len(fields) != len(cronFields) {
		return fmt.Errorf("%q has %d fields, a schedule has 5: minute, hour, day of month, month, day of week, such as \"17 2 * * *\"", schedule, len(fields))
	}
	for i, field := range cronFields {
		for item := range strings.SplitSeq(fields[i], ",") {
			if err := field.check(item); err != nil {
				return fmt.Errorf("%q: %s: %w", schedule, field.name, err)
			}
		}
	}
	return nil
}

// check takes one item of a list: a value, a range or *, each with a step or not.
func (f cronField) check(item string) error {
	if f.last && strings.HasSuffix(item, "L") {
		day := strings.TrimSuffix(item, "L")
		if day == "" {
			return nil
		}
		if f.names == nil {
			return fmt.Errorf("%q: a day before L is a day of the week", item)
		}
		_, err := f.value(day)
		return err
	}
	span, step, stepped := strings.Cut(item, "/")
	if stepped {
		if n, err := strconv.Atoi(step); err != nil || n < 1 || n > f.high {
			return fmt.Errorf("%q: the step is outside 1 to %d", item, f.high)
		}
	}
	if span == "*" {
		return nil
	}
	from, to, ranged := strings.Cut(span, "-")
	low, err := f.value(from)
	if err != nil || !ranged {
		return err
	}
	high, err := f.value(to)
	if err == nil && high < low {
		err = fmt.Errorf("%q ends before it starts", item)
	}
	return err
}

func (f cronField) value(text string) (int, error) {
	for i, name := range f.names {
		if strings.EqualFold(text, name) {
			return f.low + i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.low || n > f.high {
		return 0, fmt.Errorf("%q is outside %d to %d", text, f.low, f.high)
	}
	return n, nil
}
