// Package architecture holds the test that keeps the import table true.
package architecture
