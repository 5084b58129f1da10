// Package cgroup bounds how much of the processors processes have, by the kernel's control groups:
// cpu.cfs_quota_us of version 1, cpu.max of version 2, whichever has the controller of processors
// here. A group is a directory, which the kernel does not remove by itself.
package cgroup
