// Package cgroup limits, freezes and tells of groups of processes (cgroups(7)),
// in v1, v2 and both at once. It knows no workload and no driver; what has
// joined a group it leaves to whoever starts it.
package cgroup
