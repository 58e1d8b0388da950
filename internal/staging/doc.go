// Package staging is the domain: projects, branches, environments, stacks,
// deployments, snapshots, the ledger's resources, and the errors that every
// other package speaks in.
//
// It imports nothing of ours, does no I/O and reads no clock.
package staging
