package snowflake

// View is a query of the raw table: with each record once, or with the newest of each key.
type View struct {
	ObjectName
	// Query is the SELECT that defines it.
	Query string
	Owner string
}

// Kind returns KindView.
func (v View) Kind() Kind { return KindView }

// Create creates or replaces the view, because a view's query cannot be altered.
// Grants are kept.
func (v View) Create() []string {
	return []string{"CREATE OR REPLACE VIEW " + v.Name() + "\n  COPY GRANTS " + v.Comment().clause() + "\n  AS " + v.Query}
}

// Alter does the same as Create.
func (v View) Alter() []string { return v.Create() }

// Describe lists the view.
func (v View) Describe() string { return v.show(v.Kind()) }

// Drop drops the view.
func (v View) Drop() string { return drop(v.Kind(), v.Name()) }

// Comment returns the view's comment.
func (v View) Comment() Comment { return newComment(v.Owner, v.Query) }
