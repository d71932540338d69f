package snowflake

// Plan is everything that one feed has in Snowflake.
type Plan struct {
	// Integration is nil where an existing one is used.
	Integration *StorageIntegration
	Format      FileFormat
	Stage       Stage
	// Table is nil with Load ExternalTable, otherwise ExternalTable is.
	Table         *Table
	ExternalTable *External
	Stream        *Stream // nil unless Spec.Stream
	Pipe          *Pipe   // nil unless Load is Continuous
	Task          *Task   // nil unless Load is Bulk
	View          View
}

// Objects are the plan's objects in the order to make them; drop them in reverse.
func (p Plan) Objects() []Object {
	var objects []Object
	if p.Integration != nil {
		objects = append(objects, *p.Integration)
	}
	objects = append(objects, p.Format, p.Stage)
	if p.Table != nil {
		objects = append(objects, *p.Table)
	}
	if p.ExternalTable != nil {
		objects = append(objects, *p.ExternalTable)
	}
	if p.Stream != nil {
		objects = append(objects, *p.Stream)
	}
	// The view comes before what loads, so that no row is there without it.
	objects = append(objects, p.View)
	if p.Pipe != nil {
		objects = append(objects, *p.Pipe)
	}
	if p.Task != nil {
		objects = append(objects, *p.Task)
	}
	return objects
}

// StageURL is what the stage shows.
func (p Plan) StageURL() string { return p.Stage.URL }
