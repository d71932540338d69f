package snowflake_test

import (
	"slices"
	"strings"
	"testing"

	"example.com/ingestion/feed"
	"example.com/ingestion/local/snowflake/sqlparser"
	"example.com/ingestion/snowflake"
)

func TestComments(t *testing.T) {
	c := snowflake.Comment{Owner: "1/us-east-1/Stack", Definition: "0123456789abcdef"}
	if got, ok := snowflake.ParseComment(c.String()); !ok || got != c {
		t.Errorf("ParseComment(%q) = %+v, %v", c, got, ok)
	}
	for _, comment := range []string{
		"", "my own table", "ingestion owner= def=0123456789abcdef", "ingestion owner=a b def=0123456789abcdef",
		"ingestion owner=a def=0123", "x ingestion owner=a def=0123456789abcdef", "ingestion owner=a def=0123456789abcdef;",
	} {
		if got, ok := snowflake.ParseComment(comment); ok {
			t.Errorf("ParseComment(%q) = %+v", comment, got)
		}
	}
}

// TestChangedObjects checks which objects a change of the spec concerns: those
// whose comments differ are altered or replaced.
func TestChangedObjects(t *testing.T) {
	for name, test := range map[string]struct {
		from   snowflake.From
		load   snowflake.Load
		format feed.Format
		change func(*snowflake.Spec, *snowflake.Names)
		want   []snowflake.Kind
	}{
		"nothing": {snowflake.FromParts, snowflake.Continuous, json, func(*snowflake.Spec, *snowflake.Names) {}, nil},
		"a column of a view": {
			snowflake.FromParts, snowflake.Continuous, json,
			func(s *snowflake.Spec, _ *snowflake.Names) {
				s.Columns = append(s.Columns, snowflake.Column{Name: "x"})
			},
			[]snowflake.Kind{snowflake.KindView},
		},
		"a column of a file": {
			snowflake.FromFiles, snowflake.Continuous, csv,
			func(s *snowflake.Spec, _ *snowflake.Names) {
				s.Format.Columns = append(slices.Clone(s.Format.Columns), "x")
				s.Columns = append(s.Columns, snowflake.Column{Name: "x"})
			},
			[]snowflake.Kind{snowflake.KindTable, snowflake.KindView},
		},
		"a column of an external file": {
			snowflake.FromFiles, snowflake.ExternalTable, csv,
			func(s *snowflake.Spec, _ *snowflake.Names) {
				s.Format.Columns = append(slices.Clone(s.Format.Columns), "x")
				s.Columns = append(s.Columns, snowflake.Column{Name: "x"})
			},
			[]snowflake.Kind{snowflake.KindView},
		},
		"the encoding of a file": {
			snowflake.FromFiles, snowflake.Continuous, csv,
			func(s *snowflake.Spec, _ *snowflake.Names) { s.Format.Encoding = feed.Latin1 },
			[]snowflake.Kind{snowflake.KindFileFormat},
		},
		"schedule": {
			snowflake.FromParts, snowflake.Bulk, json,
			func(s *snowflake.Spec, _ *snowflake.Names) { s.Schedule = "1 1 * * *" },
			[]snowflake.Kind{snowflake.KindTask},
		},
		"prefix": {
			snowflake.FromFiles, snowflake.Continuous, csv,
			func(s *snowflake.Spec, _ *snowflake.Names) { s.Prefix = "other/" },
			[]snowflake.Kind{snowflake.KindStorageIntegration, snowflake.KindStage, snowflake.KindPipe},
		},
		"prefix of an external table": {
			snowflake.FromFiles, snowflake.ExternalTable, json,
			func(s *snowflake.Spec, _ *snowflake.Names) { s.Prefix = "other/" },
			[]snowflake.Kind{snowflake.KindStorageIntegration, snowflake.KindStage, snowflake.KindExternalTable},
		},
		"topic": {
			snowflake.FromParts, snowflake.Continuous, json,
			func(_ *snowflake.Spec, n *snowflake.Names) { n.TopicARN += "2" },
			[]snowflake.Kind{snowflake.KindPipe},
		},
		"role": {
			snowflake.FromParts, snowflake.Continuous, json,
			func(_ *snowflake.Spec, n *snowflake.Names) { n.RoleARN += "2" },
			[]snowflake.Kind{snowflake.KindStorageIntegration},
		},
		"delimiter": {
			snowflake.FromFiles, snowflake.Continuous, csv,
			func(s *snowflake.Spec, _ *snowflake.Names) { s.Format.Delimiter = ";" },
			[]snowflake.Kind{snowflake.KindFileFormat},
		},
	} {
		t.Run(name, func(t *testing.T) {
			spec, n := mode(test.from, test.load, test.format), names()
			before, err := spec.Plan(n)
			if err != nil {
				t.Fatal(err)
			}
			test.change(&spec, &n)
			after, err := spec.Plan(n)
			if err != nil {
				t.Fatal(err)
			}
			var got []snowflake.Kind
			for i, o := range after.Objects() {
				if o.Comment() != before.Objects()[i].Comment() {
					got = append(got, o.Kind())
				}
				if !strings.Contains(o.Create()[0], "COMMENT="+snowflake.Literal(o.Comment().String())) {
					t.Errorf("%s is created without its comment", o.Kind())
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("changes %v, want %v", got, test.want)
			}
		})
	}
}

// Objects that others depend on are never replaced.
func TestOnlyViewsAreReplaced(t *testing.T) {
	for name, spec := range modes() {
		plan, err := spec.Plan(names())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range plan.Objects() {
			for _, statement := range slices.Concat(o.Create(), o.Alter()) {
				if strings.Contains(statement, "OR REPLACE") && o.Kind() != snowflake.KindView {
					t.Errorf("%s: %s", name, statement)
				}
			}
		}
	}
}

func TestPartitions(t *testing.T) {
	for partition, want := range map[string]string{
		"aws": "S3 s3://orders-bucket/", "aws-us-gov": "S3GOV s3gov://orders-bucket/", "aws-cn": "S3CHINA s3china://orders-bucket/",
	} {
		n := names()
		n.RoleARN = strings.Replace(n.RoleARN, "arn:aws:", "arn:"+partition+":", 1)
		plan, err := mode(snowflake.FromParts, snowflake.Continuous, json).Plan(n)
		if err != nil {
			t.Fatal(err)
		}
		if got := plan.Integration.Provider + " " + plan.StageURL(); got != want+"landing/my-orders/" {
			t.Errorf("%s: %s, want %s", partition, got, want)
		}
	}
}

func TestInvalidNames(t *testing.T) {
	for want, change := range map[string]func(*snowflake.Names){
		`Owner: "a b" must be <account>/<region>/<stack>/<feed>, without white space`:                                               func(n *snowflake.Names) { n.Owner = "a b" },
		`Bucket: "B/" is not the name of an S3 bucket`:                                                                              func(n *snowflake.Names) { n.Bucket = "B/" },
		`RoleARN: "x" is not the ARN of an IAM role`:                                                                                func(n *snowflake.Names) { n.RoleARN = "x" },
		`RoleARN: "arn:aws-iso:iam::111122223333:role/r": Snowflake supports the partitions aws, aws-us-gov and aws-cn`:             func(n *snowflake.Names) { n.RoleARN = "arn:aws-iso:iam::111122223333:role/r" },
		`TopicARN: is required for load continuous: its notifications start the load`:                                               func(n *snowflake.Names) { n.TopicARN = "" },
		`TopicARN: "arn:aws:sns:us-east-1:111122223333:t.fifo" is a FIFO topic: S3 publishes notifications to standard topics only`: func(n *snowflake.Names) { n.TopicARN = "arn:aws:sns:us-east-1:111122223333:t.fifo" },
		`TopicARN: "topic" is not the ARN of an SNS topic`:                                                                          func(n *snowflake.Names) { n.TopicARN = "topic" },
	} {
		n := names()
		change(&n)
		_, err := mode(snowflake.FromParts, snowflake.Continuous, json).Plan(n)
		if err == nil || err.Error() != `feed "my-orders": Snowflake names: `+want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestPattern(t *testing.T) {
	for want, suffixes := range map[string][]string{
		`PATTERN='.*[.]csv'`:               {".csv"},
		`PATTERN='.*([.]csv|[.]csv[.]gz)'`: {".csv", ".csv.gz"},
		`PATTERN='.*\\+a\\\\''\\['`:        {`+a\'[`},
	} {
		spec := mode(snowflake.FromFiles, snowflake.Continuous, json)
		spec.Suffixes = suffixes
		plan, err := spec.Plan(names())
		if err != nil {
			t.Fatal(err)
		}
		if copied := plan.Pipe.Copy.String(); !strings.Contains(copied, "\n  "+want+"\n") {
			t.Errorf("%q: want %s in %s", suffixes, want, copied)
		}
	}
}

// Snowflake reads source files in the same encoding, and with the same quotes, as
// unpack. Parts are always in UTF-8.
func TestEncoding(t *testing.T) {
	noQuotes, latin1 := csv, csv
	noQuotes.Quotes = feed.NoQuotes
	latin1.Encoding = feed.Latin1
	for name, test := range map[string]struct {
		spec snowflake.Spec
		want string
	}{
		"UTF-8":            {mode(snowflake.FromFiles, snowflake.Continuous, csv), "ENCODING='UTF8'"},
		"Latin-1":          {mode(snowflake.FromFiles, snowflake.Continuous, latin1), "ENCODING='WINDOWS1252'"},
		"Latin-1 external": {mode(snowflake.FromFiles, snowflake.ExternalTable, latin1), "ENCODING='WINDOWS1252'"},
		"quotes":           {mode(snowflake.FromFiles, snowflake.Continuous, csv), `FIELD_OPTIONALLY_ENCLOSED_BY='"' `},
		"no quotes":        {mode(snowflake.FromFiles, snowflake.Continuous, noQuotes), "FIELD_OPTIONALLY_ENCLOSED_BY=NONE "},
		"parts of Latin-1": {mode(snowflake.FromParts, snowflake.Continuous, latin1), "TYPE=JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			plan, err := test.spec.Plan(names())
			if err != nil {
				t.Fatal(err)
			}
			statement := plan.Format.Create()[0]
			if !strings.Contains(statement, test.want) {
				t.Errorf("%s\nlacks %s", statement, test.want)
			}
			if err := sqlparser.Check(statement); err != nil {
				t.Error(err)
			}
		})
	}
}
