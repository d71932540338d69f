package archive

import (
	"fmt"
)

// Reason says in one word why data could not be read. Its values are stored
// with what is quarantined: they are a contract.
type Reason string

// The reasons.
const (
	// Corrupt data contradicts itself: a checksum, a header, a size.
	Corrupt Reason = "corrupt"
	// Truncated data ends before it says that it does.
	Truncated Reason = "truncated"
	// Encrypted data needs a password.
	Encrypted Reason = "encrypted"
	// Unsupported data may be sound, but is in a form not read here.
	Unsupported Reason = "unsupported"
	// LimitRatio: the object grows by more than feed.Limits.MaxRatio.
	LimitRatio Reason = "limit_ratio"
	// LimitEntries: the object has more members than feed.Limits.MaxEntries.
	LimitEntries Reason = "limit_entries"
	// LimitDepth: more layers than feed.Limits.MaxDepth, or than fit in memory.
	LimitDepth Reason = "limit_depth"
	// LimitEntryBytes: an entry is larger than feed.Limits.MaxEntryBytes.
	LimitEntryBytes Reason = "limit_entry_bytes"
	// LimitNestedZip: a zip inside another archive is too large to set aside.
	LimitNestedZip Reason = "limit_nested_zip"
)

// remedy says what a user can do about it.
func (r Reason) remedy() string {
	switch r {
	case Corrupt:
		return "send the file again"
	case Truncated:
		return "send the file again, whole"
	case Encrypted:
		return "send it without a password"
	case Unsupported:
		return "send it plain, or as gzip, zstd, bzip2, snappy, zip or tar"
	case LimitRatio:
		return "if the file is what it should be, raise the limit MaxRatio"
	case LimitEntries:
		return "split the archive, or raise the limit MaxEntries"
	case LimitDepth:
		return "send it with fewer layers around it, or raise the limit MaxDepth"
	case LimitEntryBytes:
		return "split the file, or raise the limit MaxEntryBytes"
	case LimitNestedZip:
		return "send that zip by itself"
	}
	return ""
}

// Damage says that data is bad, permanently: reading it again would end the
// same way. Compare a failure of the source, which never is a Damage.
type Damage struct {
	Reason Reason
	// Entry is the entry that ends here or that could not be offered, or the
	// archive around it.
	Entry Entry
	// Offset is how many decompressed bytes of the entry were delivered before.
	Offset int64
	// Err says what was found.
	Err error
}

// Error tells what, where and what to do.
func (d *Damage) Error() string {
	return fmt.Sprintf("entry %d %q: %s after %d bytes: %v: %s",
		d.Entry.Index, d.Entry.Path, d.Reason, d.Offset, d.Err, d.Reason.remedy())
}

// Unwrap returns d.Err.
func (d *Damage) Unwrap() error { return d.Err }

func damagef(r Reason, format string, args ...any) *Damage {
	return &Damage{Reason: r, Err: fmt.Errorf(format, args...)}
}

func unsupported(format string, args ...any) *Damage {
	return damagef(Unsupported, format, args...)
}

// Damage returns the reason, for package record, which knows only that.
func (d *Damage) Damage() string { return string(d.Reason) }
