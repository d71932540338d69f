package constructs

import (
	"slices"

	"example.com/ingestion/feed"
)

// RecordKey is the key of a feed's records. Make one with KeyedBy.
type RecordKey struct{ key *feed.RecordKey }

// KeyedBy is the key of records: the fields that identify what a record is about, such as
// KeyedBy("customer_id"). Several fields are one key together. A field is named by its path,
// object keys separated by dots ("customer.id").
//
// The index by_key of the table then has every version of the records with a key, under
// "<feed>/<fields>#<value>", newest source object first. A record without a value is
// quarantined, see Optional.
func KeyedBy(fields ...string) RecordKey {
	return RecordKey{&feed.RecordKey{Fields: slices.Clone(fields)}}
}

// Named gives the key a name in place of "<feed>/<fields>". The records of the feeds of a
// store that give their keys one name are found together, whatever their fields are called.
func (k RecordKey) Named(name string) RecordKey {
	return k.with(func(key *feed.RecordKey) { key.Name = name })
}

// Optional leaves a record without a value, or with one that is too long for DynamoDB, out
// of the index instead of quarantining it: it is in the table.
func (k RecordKey) Optional() RecordKey {
	return k.with(func(key *feed.RecordKey) { key.Optional = true })
}

func (k RecordKey) with(change func(*feed.RecordKey)) RecordKey {
	var key feed.RecordKey
	if k.key != nil {
		key = *k.key
	}
	change(&key)
	return RecordKey{&key}
}
