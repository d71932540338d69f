// Package deploy creates, alters and drops a feed's objects in a Snowflake
// account, as its snowflake.Spec describes them.
//
// Integration creates the storage integration, before the IAM role that trusts it
// exists; Objects creates everything else. Both may be repeated: the comment of
// each object has its owner and a hash of its definition, so that an unchanged
// object gets no statement. Objects of another owner are never changed, and a
// pipe is replaced without losing files.
package deploy
