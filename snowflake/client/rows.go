package client

import (
	"database/sql"
	"fmt"
	"strings"
)

func scan(rows *sql.Rows) ([]Row, error) {
	columns, err := rows.Columns()
	if err != nil {
		return nil, fmt.Errorf("columns of the result: %w", err)
	}
	for i, name := range columns {
		columns[i] = strings.ToLower(name)
	}
	var all []Row
	for rows.Next() {
		values, targets := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return nil, fmt.Errorf("row %d of the result: %w", len(all)+1, err)
		}
		row := make(Row, len(columns))
		for i, name := range columns {
			if b, ok := values[i].([]byte); ok {
				row[name] = string(b)
				continue
			}
			row[name] = values[i]
		}
		all = append(all, row)
	}
	return all, rows.Err()
}
