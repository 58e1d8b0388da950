package reconcile

// TooDeep says what cannot be copied.
var TooDeep = tooDeep

// Remembered is of how many environments and snapshots the engine remembers
// anything.
func (e *Engine) Remembered() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.memory)
}
