package snowflake

// Plan has all objects of one feed in Snowflake.
type Plan struct {
	// Integration is nil if the feed uses an existing one.
	Integration *StorageIntegration
	Format      FileFormat
	Stage       Stage
	// Either Table or ExternalTable is nil, depending on Load.
	Table         *Table
	ExternalTable *External
	Stream        *Stream // nil unless Spec.Stream
	Pipe          *Pipe   // nil unless Load is Continuous
	Task          *Task   // nil unless Load is Bulk
	View          View
	Latest        *View // nil unless Spec.Key
}

// Objects returns the plan's objects in the order to create them. Drop them in
// reverse order.
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
	// The views exist before the first row is loaded.
	objects = append(objects, p.View)
	if p.Latest != nil {
		objects = append(objects, *p.Latest)
	}
	if p.Pipe != nil {
		objects = append(objects, *p.Pipe)
	}
	if p.Task != nil {
		objects = append(objects, *p.Task)
	}
	return objects
}

// StageURL returns the URL of the stage.
func (p Plan) StageURL() string { return p.Stage.URL }
