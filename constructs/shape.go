package constructs

import (
	"slices"

	"example.com/ingestion/constructs/internal/function"
	"example.com/ingestion/constructs/internal/source"
	"example.com/ingestion/feed"
	"example.com/ingestion/internal/files/shape"
	"example.com/ingestion/snowflake"
)

// Shape changes each record between its source file and the table: it renames, converts,
// hashes and filters, see feed.Shape. Its operations are made by feed.Rename, feed.Number
// and so on.
type Shape = feed.Shape

// WithShape shapes the records of this source in place of the feed's Shape, so that the
// records of sources with different names end alike.
func WithShape(hashSecret string, operations ...feed.Operation) SourceOption {
	return option("WithShape", func(s *source.Source) {
		s.Shape = &feed.Shape{Operations: slices.Clone(operations), HashSecret: hashSecret}
	})
}

func shapeOrNil(s Shape) *feed.Shape {
	if len(s.Operations) == 0 && s.HashSecret == "" {
		return nil
	}
	return &s
}

// validateShapes reports what the feed's spec does not check: programs of jq, and what
// Snowflake would read in another form.
func (p IngestionPipelineProps) validateShapes(report report, spec feed.Spec) {
	shapes := spec.Shapes()
	for _, s := range shapes {
		if s.Validate() != nil {
			continue // the spec reports it
		}
		if _, err := shape.New(*s, shape.Config{HashKey: []byte{0}}); err != nil {
			report("Shape", "%v", err)
		}
	}
	if len(shapes) > 0 && p.Snowflake != nil && p.Snowflake.spec(spec).From == snowflake.FromFiles {
		report("Shape", "is not applied by Snowflake, which reads the files themselves with FromFiles(): use FromParts() or FromTable()")
	}
}

// allowSecrets lets a function read the secrets of the shapes.
func (p *IngestionPipeline) allowSecrets(f *function.Output) {
	var secrets []string
	for _, s := range p.Spec.Shapes() {
		if s.HashSecret != "" && !slices.Contains(secrets, s.HashSecret) {
			secrets = append(secrets, s.HashSecret)
			f.Allow(nil, p.scope.SecretARNs(s.HashSecret), "secretsmanager:GetSecretValue")
		}
	}
}
