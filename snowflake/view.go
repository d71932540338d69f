package snowflake

// View shows each record once.
type View struct {
	Place
	// Query is the SELECT behind it.
	Query string
	Owner string
}

// Kind is KindView.
func (v View) Kind() Kind { return KindView }

// Create makes the view, or replaces it: no command alters a view's query. What
// was granted on it stays.
func (v View) Create() []string {
	return []string{"CREATE OR REPLACE VIEW " + v.Name() + "\n  COPY GRANTS " + v.Mark().clause() + "\n  AS " + v.Query}
}

// Alter is Create.
func (v View) Alter() []string { return v.Create() }

// Describe lists the view.
func (v View) Describe() string { return v.show(v.Kind()) }

// Drop drops the view.
func (v View) Drop() string { return drop(v.Kind(), v.Name()) }

// Mark is the view's comment.
func (v View) Mark() Mark { return mark(v.Owner, v.Query) }
