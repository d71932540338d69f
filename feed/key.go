package feed

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Names of the table's index by the key of records. A change of one of them would
// replace the index of all users.
const (
	// KeyIndex lists the versions of a record by its key, see RecordKey. It is sparse: only
	// records of feeds with a key have its attributes, so others add no cost to it.
	KeyIndex = "by_key"
	// KeyIndexPartitionKey is the key, see RecordKey.Partition.
	KeyIndexPartitionKey = "record_key"
	// KeyIndexSortKey orders the versions of a record: the time of the source object,
	// then upload, entry and ordinal.
	KeyIndexSortKey = "record_time"
)

// Limits of a RecordKey.
const (
	// MaxKeyBytes is the size of a partition key in DynamoDB, in bytes of UTF-8
	// ("Quotas in Amazon DynamoDB", partition keys and sort keys).
	MaxKeyBytes = 2048
	// MaxKeyFields is how many fields a key may have.
	MaxKeyFields = 8
	// MaxKeyName is the length of a RecordKey's name, in characters.
	MaxKeyName = 60
)

// RecordKey is the key of a feed's records: the fields that identify what a record is
// about, such as a customer. The versions of a record are found by it in the index KeyIndex.
type RecordKey struct {
	// Fields are the paths of the key's values, see SplitPath: 1 to MaxKeyFields.
	Fields []string `json:"fields"`
	// Name is shared by the feeds whose records are found together: 1 to MaxKeyName of
	// [A-Za-z0-9._-]. Empty: only the records of the feed, under "<feed>/<fields>", the
	// fields separated by commas.
	Name string `json:"name,omitempty"`
	// Optional leaves a record without a key out of the index. Otherwise it is quarantined.
	// A record is without a key if a field is absent, null, empty, an object or an array, or
	// if the key is longer than MaxKeyBytes.
	Optional bool `json:"optional,omitempty"`
}

var keyNameRE = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

func (k RecordKey) validate(add func(string, string, ...any)) {
	if len(k.Fields) == 0 || len(k.Fields) > MaxKeyFields {
		add("RecordKey.Fields", "has %d fields, 1 to %d are allowed", len(k.Fields), MaxKeyFields)
	}
	for i, field := range k.Fields {
		if _, err := SplitPath(field); err != nil {
			add("RecordKey.Fields", "%v", err)
		}
		if slices.Contains(k.Fields[:i], field) {
			add("RecordKey.Fields", "%q is given twice", field)
		}
	}
	switch {
	case k.Name == "" && len(k.Prefix(strings.Repeat("f", MaxNameLength))) > MaxKeyBytes/2:
		add("RecordKey.Fields", "the paths have %d bytes, which leaves too little of the %d bytes of a partition key: give the key a name", len(strings.Join(k.Fields, ",")), MaxKeyBytes)
	case k.Name == "":
	case len(k.Name) > MaxKeyName:
		add("RecordKey.Name", "has %d characters, the limit is %d: try a shorter name", len(k.Name), MaxKeyName)
	case !keyNameRE.MatchString(k.Name):
		add("RecordKey.Name", "%q may have letters, digits, dots, hyphens and underscores only", k.Name)
	}
}

// Partition is the value of the index's partition key for the values of the fields, in
// their order: the name of the key, a number sign, and the value. Several values are
// separated by number signs; in them, a number sign or a backslash has a backslash before it.
//
// The values are texts: that of a number is its shortest decimal form (1, not 1.0 or 1e0),
// that of a boolean is true or false.
func (k RecordKey) Partition(feedName string, values ...string) (string, error) {
	if len(values) != len(k.Fields) {
		return "", fmt.Errorf("feed %q: the key has %d fields (%s), and %d values are given", feedName, len(k.Fields), strings.Join(k.Fields, ", "), len(values))
	}
	key := []byte(k.Prefix(feedName))
	for i, value := range values {
		if value == "" {
			return "", fmt.Errorf("feed %q: the value of %s is empty: a record without a value has no key", feedName, k.Fields[i])
		}
		key = k.AppendValue(key, i, []byte(value))
	}
	if len(key) > MaxKeyBytes {
		return "", fmt.Errorf("feed %q: the key has %d bytes, the limit of DynamoDB is %d: no record has it", feedName, len(key), MaxKeyBytes)
	}
	return string(key), nil
}

// Prefix is what the partition keys of the index begin with for the records of a feed.
func (k RecordKey) Prefix(feedName string) string {
	if k.Name != "" {
		return k.Name + "#"
	}
	return feedName + "/" + strings.Join(k.Fields, ",") + "#"
}

// AppendValue appends the value of the field with that number to a partition key that has
// the values before it, see Partition.
func (k RecordKey) AppendValue(dst []byte, field int, value []byte) []byte {
	if field > 0 {
		dst = append(dst, '#')
	}
	if len(k.Fields) == 1 {
		return append(dst, value...)
	}
	for _, c := range value {
		if c == '#' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return dst
}
