package names

// Answer is what a server answers to a message.
func Answer(s *Server, message []byte) []byte { return s.answer(message) }
