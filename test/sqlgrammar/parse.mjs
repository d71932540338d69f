// Parses the SQL statements of a JSON list on standard input in Snowflake's dialect, and
// prints a JSON list with the error of each, null for none.
import { readFileSync } from 'node:fs';
import { init, parse } from '@guanmingchiu/sqlparser-ts';

await init();
const statements = JSON.parse(readFileSync(0, 'utf8'));
console.log(JSON.stringify(statements.map((statement) => {
  try {
    parse(statement, 'snowflake');
    return null;
  } catch (error) {
    return String(error.message ?? error);
  }
})));
