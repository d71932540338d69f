// Package operator finds deployed feeds by the outputs of their stacks and reads
// what their templates say of them. The packages below it, and the verbs of
// cmd/ingest, are built on it. Only the operator's machine runs this code: the
// Lambda functions do not import it.
package operator
