package snowflake

import (
	"context"
	"regexp"
	"strings"
)

// missingSchema matches the error of a statement that names a database or schema
// which does not exist, see errUnknown.
var missingSchema = regexp.MustCompile(`(Database|Schema) '([^']+)' does not exist or not authorized`)

// runCreating runs a statement, and runs it again after each database or schema
// that it lacks was created by Options.CreateSchema.
func (s *Server) runCreating(ctx context.Context, session *session, statement string) (*result, error) {
	for attempt := 0; ; attempt++ {
		r, err := s.engine.run(ctx, session, statement)
		if err == nil || s.options.CreateSchema == nil || attempt == 2 {
			return r, err
		}
		found := missingSchema.FindStringSubmatch(err.Error())
		if found == nil {
			return r, err
		}
		database, schema, _ := strings.Cut(found[2], ".")
		if createErr := s.options.CreateSchema(ctx, database, schema); createErr != nil {
			return nil, createErr
		}
	}
}
