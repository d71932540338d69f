package shape_test

import (
	"testing"

	"example.com/ingestion/feed"
)

var order = []byte(`{"order_id":"A-1001734","customer":{"id":"C-88123","name":" Ann Example ","address":{"street":"12 Long Street","city":"Springfield","zip":"02134"}},` +
	`"ordered_at":"24.12.2025 18:30","status":"paid","amount":"1234.50","currency":"EUR","gift":"no",` +
	`"lines":[{"sku":"X-1","quantity":2,"price":100.25},{"sku":"X-2","quantity":1,"price":1034.00}],"note":"leave at the door, ring \"twice\""}`)

func benchmark(b *testing.B, operations ...feed.Operation) {
	s := newShaper(b, operations...)
	b.SetBytes(int64(len(order)))
	b.ReportAllocs()
	for b.Loop() {
		if _, kept, err := s.Shape(b.Context(), order); err != nil || !kept {
			b.Fatal(kept, err)
		}
	}
}

func BenchmarkRename(b *testing.B) { benchmark(b, feed.Rename("order_id", "id")) }

func BenchmarkTypical(b *testing.B) {
	benchmark(b, feed.Rename("order_id", "id"), feed.Rename("customer.id", "customer_id"), feed.Drop("note"), feed.Trim("customer.name"),
		feed.Number("amount"), feed.Boolean("gift"), feed.Constant("shop", "north"), feed.FromOrigin("file", feed.OriginFile),
		feed.DropWhere("status", "canceled"))
}

func BenchmarkTimestamp(b *testing.B) {
	benchmark(b, feed.Timestamp("02.01.2006 15:04", "Europe/Berlin", "ordered_at"))
}

func BenchmarkHash(b *testing.B) { benchmark(b, feed.Hash("customer.name")) }

func BenchmarkJQ(b *testing.B) {
	benchmark(b, feed.JQ(`.id = .order_id | .customer_id = .customer.id | del(.order_id, .note, .customer.id) | .amount |= tonumber | select(.status != "canceled")`))
}
