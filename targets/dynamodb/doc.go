// Package dynamodb tests DynamoDB: Amazon's own DynamoDB Local as one process on
// one node, or, at an endpoint (--at), the service itself, driven over
// aws-sdk-go-v2.
//
// The read level is the parameter ConsistentRead of every call: eventual or
// strong. Writes have one level, put. A compare-and-set is a conditional write. A
// transaction of several is one TransactGetItems or one TransactWriteItems;
// DynamoDB has none that both reads and writes.
//
// Every session has an HTTP connection of its own. The SDK's retries are off.
//
// The software is fetched by Maven (Fetch). What one process can say about
// DynamoDB and what it cannot, what is promised and how errors are classified is
// in docs/targets/dynamodb.md.
package dynamodb
