package archive

import (
	"fmt"
)

// Reason is why data could not be read. Its values are stored in quarantine and
// must not change.
type Reason string

// The reasons.
const (
	// Corrupt data contradicts itself: a checksum, a header, a size.
	Corrupt Reason = "corrupt"
	// Truncated data ends before its end marker or its stated size.
	Truncated Reason = "truncated"
	// Encrypted data needs a password.
	Encrypted Reason = "encrypted"
	// Unsupported data may be valid, but is in a format or variant that this package
	// does not read.
	Unsupported Reason = "unsupported"
	// LimitRatio: the object grows by more than feed.Limits.MaxRatio.
	LimitRatio Reason = "limit_ratio"
	// LimitEntries: the object has more members than feed.Limits.MaxEntries.
	LimitEntries Reason = "limit_entries"
	// LimitDepth: more layers than feed.Limits.MaxDepth.
	LimitDepth Reason = "limit_depth"
	// LimitMemory: the decoders of the layers need more memory than there is.
	LimitMemory Reason = "limit_memory"
	// LimitEntryBytes: an entry is larger than feed.Limits.MaxEntryBytes.
	LimitEntryBytes Reason = "limit_entry_bytes"
	// LimitNestedZip: a zip inside another archive is too large to copy to a file.
	LimitNestedZip Reason = "limit_nested_zip"
)

// remedy is what a user can do about it.
func (r Reason) remedy() string {
	switch r {
	case Corrupt:
		return "send the file again"
	case Truncated:
		return "send the complete file again"
	case Encrypted:
		return "send it without a password"
	case Unsupported:
		return "send it plain, or as gzip, zstd, bzip2, snappy, xz, lz4, zip or tar"
	case LimitRatio:
		return "if the file is correct, raise the limit MaxRatio"
	case LimitEntries:
		return "split the archive, or raise the limit MaxEntries"
	case LimitDepth:
		return "send it with fewer layers around it, or raise the limit MaxDepth"
	case LimitMemory:
		return "send it with fewer layers around it, or compressed with a smaller window"
	case LimitEntryBytes:
		return "split the file, or raise the limit MaxEntryBytes"
	case LimitNestedZip:
		return "send that zip separately"
	}
	return ""
}

// Damage is a permanent error: the data is damaged or unsupported, and reading it
// again would fail in the same way. A failure of the source is never a Damage.
type Damage struct {
	Reason Reason
	// Entry is the entry that ends here or cannot be read, or the archive that
	// contains it.
	Entry Entry
	// Offset is how many decompressed bytes of the entry were delivered before.
	Offset int64
	// Err describes the damage.
	Err error
}

// Error describes what is wrong, where, and the remedy.
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

// Damage returns the reason. It implements record.DamageError.
func (d *Damage) Damage() string { return string(d.Reason) }
