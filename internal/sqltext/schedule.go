package sqltext

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// cronField is one of the five fields of a schedule.
type cronField struct {
	name   string
	values string // that are allowed
	option cron.ParseOption
	// last is set for the fields that take L: the last day of the month, or with
	// a day before it, as in 5L, the last Friday.
	last bool
}

var cronFields = []cronField{
	{name: "minute", values: "0 to 59", option: cron.Minute},
	{name: "hour", values: "0 to 23", option: cron.Hour},
	{name: "day of month", values: "1 to 31", option: cron.Dom, last: true},
	{name: "month", values: "1 to 12", option: cron.Month},
	{name: "day of week", values: "0 to 6", option: cron.Dow, last: true},
}

// CheckCron validates the cron expression of a task: five fields, with L for
// the last day, without ? and without names such as @daily.
// https://docs.snowflake.com/en/sql-reference/sql/create-task
func CheckCron(schedule string) error {
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

// check validates one item of a comma-separated list: a value, a range or *,
// each with or without a step.
func (f cronField) check(item string) error {
	if day, ok := strings.CutSuffix(item, "L"); ok && f.last {
		switch {
		case day == "":
			return nil
		case f.option != cron.Dow:
			return fmt.Errorf("%q: only a day of the week may precede L", item)
		}
		item = day
	}
	// The parser reads an empty field as *, ? as * and a prefix TZ= as a time zone.
	if _, err := cron.NewParser(f.option).Parse(item); err != nil || item == "" || strings.ContainsAny(item, "?=") {
		return fmt.Errorf("%q is neither * nor a value or range of %s, with or without a step", item, f.values)
	}
	return nil
}

// CheckTimeZone validates the name of a time zone of the IANA database, such as
// Europe/Berlin. Where the machine has no such database, as in a Lambda
// function, every name passes except "" and "Local": the app, which has the
// database built in, has validated it before.
func CheckTimeZone(zone string) error {
	_, err := time.LoadLocation(zone)
	// LoadLocation accepts "" for UTC and "Local" for the machine's own zone.
	if zone == "Local" || zone == "" || err != nil && hasTimeZones() {
		return fmt.Errorf("%q is not an IANA time zone: write UTC or, for example, Europe/Berlin", zone)
	}
	return nil
}

func hasTimeZones() bool {
	_, err := time.LoadLocation("Europe/Berlin")
	return err == nil
}
