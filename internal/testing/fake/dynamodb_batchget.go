package fake

import (
	"encoding/json"
	"net/http"
)

// batchGet returns whole items, whatever the projection.
func (f *DynamoDB) batchGet(body []byte) (any, error) {
	var in struct {
		RequestItems map[string]struct{ Keys []Item }
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, &apiError{status: http.StatusBadRequest, code: "SerializationException"}
	}
	found := map[string][]Item{}
	for table, request := range in.RequestItems {
		if len(request.Keys) == 0 || len(request.Keys) > 100 {
			return nil, invalid("%d keys in a batch", len(request.Keys))
		}
		found[table] = []Item{}
		for _, key := range request.Keys {
			if it, ok := f.items[key.id()]; ok {
				found[table] = append(found[table], it)
			}
		}
	}
	return map[string]any{"Responses": found, "UnprocessedKeys": map[string]any{}}, nil
}

// Remove deletes the chosen items, as somebody could in the console.
func (f *DynamoDB) Remove(chosen func(Item) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key, it := range f.items {
		if chosen(it) {
			f.unset(key)
		}
	}
}
