package reconcile

// TooDeep says what cannot be copied, ImagesOf what a stack builds.
var (
	TooDeep  = tooDeep
	ImagesOf = imagesOf
)

// Remembered is of how many environments and snapshots the engine remembers
// anything.
func (e *Engine) Remembered() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.memory)
}
