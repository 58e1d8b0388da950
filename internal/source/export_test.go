package source

// Dir is where a project's mirror lies.
func (m *Mirrors) Dir(project string) string {
	dir, err := m.path(project)
	if err != nil {
		panic(err)
	}
	return dir
}
