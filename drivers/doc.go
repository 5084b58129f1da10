// Package drivers lets the clients of one run work on several machines. The run itself (the
// coordinator: plan, generators, faults, history, verdict) is where it always was. Each of its
// clients has a driver, a process that joined by `lapse drive`, which carries out the client's
// operations one after the other and stamps them with its own monotonic clock.
//
// What a history needs of an operation is an interval on one clock that certainly has in it all of
// the time from when the request left until its answer had come. The coordinator has one without
// asking any other clock: from before it handed the operation to the driver until after the
// driver's answer was there. Package bounds narrows it by the driver's stamps, by what exchanges of
// messages prove and nothing else, so that whatever a driver's clock does, no interval is too small and no two
// operations are taken for ordered that were not. The operations of one client stay one
// after the other, for the same reason.
//
// Price: a client waits between two operations for messages to go to the coordinator and back.
//
// Both sides are told who they talk to by a secret that both have (see Token), and neither trusts
// what it reads further than its type; what is sent is not encrypted.
package drivers
